import { fileURLToPath } from 'node:url'
import { keepRunning, type Child } from './child.ts'
import { CHILD_MARK, FINISH } from './config.ts'
import type { Running } from './serve.ts'

const MAIN = fileURLToPath(new URL('./main.ts', import.meta.url))

/** A provisioner beside this control plane: a process of its own, so that no template's weight is on whoever answers. */
export function startProvisioner(
  { config, state, clock, log, closers }: Running,
  { databaseUrl, url, onUnable }: { readonly databaseUrl: string; readonly url: string; readonly onUnable: (why: string) => void },
): Child {
  const child = keepRunning({
    name: 'provisioner',
    command: process.execPath,
    args: ['--disable-warning=ExperimentalWarning', MAIN, 'provisioner'],
    env: {
      ...config.environment,
      DATABASE_URL: databaseUrl,
      BOTHY_STATE: state.dir,
      BOTHY_ACCESS_URL: config.accessUrl ?? url,
      ...(config.kubernetes.kubeconfig === null ? {} : { BOTHY_KUBECONFIG: config.kubernetes.kubeconfig }),
      ...(config.kubernetes.context === null ? {} : { BOTHY_CONTEXT: config.kubernetes.context }),
      [CHILD_MARK]: '1',
    },
    clock,
    log,
    onMisconfigured: onUnable,
  })
  closers.add('provisioner', () => child.end(FINISH))
  return child
}
