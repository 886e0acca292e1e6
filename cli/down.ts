import { controlPlaneFlags } from './flags.ts'
import type { Run } from './session.ts'

export const run: Run = async (_session, _args, options) => {
  const { down } = await import('../controller/main.ts')
  return down(controlPlaneFlags(options))
}
