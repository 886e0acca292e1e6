import type { Options } from './options.ts'

export const PORT_MAX = 65_535

export const portFrom = (options: Options): number | null => options.whole('port', PORT_MAX)

/** What the command line says to a control plane's own processes; what it leaves out is read from the environment there. */
export function controlPlaneFlags(options: Options) {
  const port = portFrom(options)
  const host = options.text('host')
  const state = options.text('state')
  const kubeconfig = options.text('kubeconfig')
  const context = options.text('context')
  return {
    ...(port === null ? {} : { port }),
    ...(host === null ? {} : { host }),
    ...(state === null ? {} : { state }),
    ...(kubeconfig === null ? {} : { kubeconfig }),
    ...(context === null ? {} : { context }),
    ...(options.flag('withProvisioner') ? { withProvisioner: true } : {}),
    ...(options.flag('once') ? { once: true } : {}),
    ...(options.flag('quiet') ? { quiet: true } : {}),
    ...(options.flag('insecure') ? { insecure: true } : {}),
  }
}
