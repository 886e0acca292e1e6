import type { Options } from './options.ts'

/** What the command line says to a control plane's own processes; what it leaves out is read from the environment there. */
export function controlPlaneFlags(options: Options) {
  const port = options.whole('port')
  const host = options.text('host')
  const state = options.text('state')
  return {
    ...(port === null ? {} : { port }),
    ...(host === null ? {} : { host }),
    ...(state === null ? {} : { state }),
    ...(options.flag('once') ? { once: true } : {}),
    ...(options.flag('quiet') ? { quiet: true } : {}),
    ...(options.flag('insecure') ? { insecure: true } : {}),
  }
}
