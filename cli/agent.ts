import { EXIT } from './failure.ts'
import type { Run } from './session.ts'

/** The agent ends the process itself, with the exit code that its supervisor understands. */
export const run: Run = async () => {
  const { main } = await import('../agent/main.ts')
  await main()
  return EXIT.done
}
