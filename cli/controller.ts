import { controlPlaneFlags } from './flags.ts'
import type { Run } from './session.ts'

export const run: Run = async (_session, _args, options) => {
  const { controller } = await import('../controller/main.ts')
  return controller(controlPlaneFlags(options))
}
