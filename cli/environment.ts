import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import { delimiter, join, resolve } from 'node:path'

/** What the command line takes from the environment. This is its one reader. */
export interface Environment {
  readonly url: string | null
  readonly token: string | null
  readonly stateDir: string
  /** Somebody named it: its standalone is meant, and nothing else. */
  readonly stateIsNamed: boolean
  /** Where things lie that can be made again. */
  readonly dataDir: string
  readonly cacheDir: string
  /** Colours are off when NO_COLOR is set to anything, or the terminal says it has none. */
  readonly plain: boolean
  readonly debug: boolean
  /** How this program was called: `bothy`, or `kubectl bothy` as a plugin. */
  readonly program: string
  /** Started by kubectl. */
  readonly isPlugin: boolean
  readonly path: string
  /** There is a screen that a browser could open on. */
  readonly display: boolean
  /** Of BOTHY_SERVICE_ACCOUNT: as whom this program asks the controller of a cluster. */
  readonly serviceAccount: string | null
  /** Of BOTHY_SYSTEM_NAMESPACE: where a cluster has its control plane. */
  readonly systemNamespace: string
  readonly terraform: string | null
  /** Of BOTHY_PROVIDER_MIRROR: a folder or a url. */
  readonly providerMirror: string | null
  readonly databaseUrl: boolean
  readonly keyGiven: boolean
  /** Of BOTHY_PORT, as it is written there. */
  readonly port: string | null
  /** Of KUBECONFIG, where it names one file. */
  readonly kubeconfig: string | null
  /** Where kubectl looks, in this order. */
  readonly kubeconfigs: readonly string[]
  /** Whether there is a cluster that kubectl would talk to from here. */
  hasKubeconfig(): boolean
  /** For programs that are started from here: what this one was given, and more; null leaves a name as it is. */
  forChildren(more: Readonly<Record<string, string | null>>): Record<string, string | undefined>
}

type Variables = Readonly<Record<string, string | undefined>>

export function readEnvironment(env: Variables = process.env): Environment {
  const stateHome = env['XDG_STATE_HOME'] ?? join(homedir(), '.local', 'state')
  const program = env['BOTHY_PROGRAM'] || 'bothy'
  return {
    url: env['BOTHY_URL'] || null,
    token: env['BOTHY_TOKEN'] || null,
    stateDir: resolve(env['BOTHY_STATE'] || join(stateHome, 'bothy')),
    stateIsNamed: Boolean(env['BOTHY_STATE']),
    cacheDir: join(env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'bothy'),
    dataDir: join(env['XDG_DATA_HOME'] || join(homedir(), '.local', 'share'), 'bothy'),
    plain: Boolean(env['NO_COLOR']) || env['TERM'] === 'dumb',
    debug: env['BOTHY_DEBUG'] === '1',
    program,
    isPlugin: program.startsWith('kubectl '),
    serviceAccount: env['BOTHY_SERVICE_ACCOUNT'] || null,
    systemNamespace: env['BOTHY_SYSTEM_NAMESPACE'] || 'bothy-system',
    kubeconfig: env['KUBECONFIG'] && !env['KUBECONFIG'].includes(delimiter) ? resolve(env['KUBECONFIG']) : null,
    kubeconfigs: kubeconfigs(env),
    hasKubeconfig: () => kubeconfigs(env).some((file) => existsSync(file)),
    path: env['PATH'] ?? '',
    display: Boolean(env['DISPLAY'] || env['WAYLAND_DISPLAY']),
    terraform: env['BOTHY_TERRAFORM'] || null,
    providerMirror: env['BOTHY_PROVIDER_MIRROR'] || null,
    databaseUrl: Boolean(env['DATABASE_URL']),
    keyGiven: Boolean(env['BOTHY_KEY']),
    port: env['BOTHY_PORT'] || null,
    forChildren: (more) =>
      ({ ...env, ...Object.fromEntries(Object.entries(more).filter(([, value]) => value !== null)) }) as Record<string, string>,
  }
}

const IN_POD = '/var/run/secrets/kubernetes.io/serviceaccount/token'

const kubeconfigs = (env: Variables): readonly string[] => {
  const named = (env['KUBECONFIG'] ?? '').split(delimiter).filter((path) => path !== '')
  if (named.length > 0) return named
  return [join(env['HOME'] || homedir(), '.kube', 'config'), ...(env['KUBERNETES_SERVICE_HOST'] ? [IN_POD] : [])]
}
