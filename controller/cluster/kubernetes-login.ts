import type { User } from '@kubernetes/client-node'
import { readFileSync } from 'node:fs'
import type { Agent } from 'node:http'
import type { Clock, Instant } from '../kernel/clock.ts'
import { messageOf, Transient } from '../kernel/errors.ts'
import type { Context, Environment, UserEntry } from './kubernetes-context.ts'

/**
 * Who we are, at each request: what is in files is read again as it rotates. Plugins that log somebody in are those of
 * client-node, loaded when a kubeconfig names one: all of it costs 80 MB and half a second, its exec plugins 3 MB and 3 ms.
 */

export interface Credentials {
  readonly headers: Readonly<Record<string, string | string[]>>
  readonly certificate: string | null
  readonly key: string | null
}

export interface Login {
  current(): Promise<Credentials>
  /** The server did not believe it: what is remembered is read, or asked for, again. */
  forget(): void
}

/** As client-go does. A kubelet renews a token when a fifth of its life is left, and that is minutes. */
const READ_AGAIN_MS = 60_000

export function createLogin({ login, server, cluster }: Context, clock: Clock): Login {
  if (login.exec) return byPlugin(login, () => execPlugin(login, { server, ca: cluster.ca }))
  if (login.provider) return byPlugin(login, () => providerPlugin(login))
  let known: { readonly credentials: Credentials; readonly at: Instant } | null = null
  const fixed = login.tokenFile === null && login.certificateFile === null && login.keyFile === null
  return {
    async current() {
      if (known && (fixed || clock.now() - known.at < READ_AGAIN_MS)) return known.credentials
      try {
        known = { credentials: plain(login), at: clock.now() }
      } catch (error) {
        // In the moment of its exchange a file may be missing; what was read before is good for a while.
        if (!known) throw new Transient(`the credentials cannot be read: ${messageOf(error)}`, { cause: error })
      }
      return known.credentials
    },
    forget: () => {
      known = null
    },
  }
}

function plain(login: UserEntry): Credentials {
  const token = login.tokenFile === null ? login.token : readFileSync(login.tokenFile, 'utf8').trim()
  const authorization = token === null ? basic(login) : `Bearer ${token}`
  return {
    headers: { ...login.impersonate, ...(authorization === null ? {} : { authorization }) },
    certificate: login.certificate ?? (login.certificateFile === null ? null : readFileSync(login.certificateFile, 'utf8')),
    key: login.key ?? (login.keyFile === null ? null : readFileSync(login.keyFile, 'utf8')),
  }
}

const basic = ({ basic: pair }: UserEntry): string | null => (pair === null ? null : `Basic ${Buffer.from(pair).toString('base64')}`)

interface Applied {
  headers: Record<string, string>
  cert?: unknown
  key?: unknown
}

interface Plugin {
  applyAuthentication(user: User, applied: Applied): Promise<void>
}

/** Plugins remember until what they got expires; a new plugin remembers nothing. */
function byPlugin(login: UserEntry, load: () => Promise<{ readonly plugin: Plugin; readonly user: User }>): Login {
  let loaded: ReturnType<typeof load> | null = null
  let asking: Promise<Credentials> | null = null
  const ask = async (): Promise<Credentials> => {
    const applied: Applied = { headers: {} }
    try {
      const { plugin, user } = await (loaded ??= load())
      await plugin.applyAuthentication(user, applied)
    } catch (error) {
      loaded = null
      throw new Transient(`logging in failed: ${messageOf(error)}`, { cause: error })
    }
    return { headers: { ...login.impersonate, ...applied.headers }, certificate: textOf(applied.cert), key: textOf(applied.key) }
  }
  return {
    // One question for all who ask at once: a plugin may open a browser.
    current: () =>
      (asking ??= ask().finally(() => {
        asking = null
      })),
    forget: () => {
      loaded = null
    },
  }
}

const textOf = (value: unknown): string | null => (typeof value === 'string' ? value : null)

async function execPlugin({ exec }: UserEntry, cluster: { readonly server: string; readonly ca: string | null }) {
  const { ExecAuth } = await import('@kubernetes/client-node/dist/exec_auth.js')
  const { apiVersion, provideClusterInfo, env, ...rest } = { ...exec } as Readonly<Record<string, unknown>>
  const about = {
    server: cluster.server,
    ...(cluster.ca === null ? {} : { 'certificate-authority-data': Buffer.from(cluster.ca).toString('base64') }),
  }
  const info = {
    apiVersion,
    kind: 'ExecCredential',
    spec: { interactive: false, ...(provideClusterInfo === true ? { cluster: about } : {}) },
  }
  const variables = [...(Array.isArray(env) ? env : []), { name: 'KUBERNETES_EXEC_INFO', value: JSON.stringify(info) }]
  const user: User = { name: 'exec', exec: { ...rest, env: variables } }
  return { plugin: new ExecAuth() as unknown as Plugin, user }
}

async function providerPlugin({ provider }: UserEntry) {
  const user: User = { name: 'provider', authProvider: provider }
  const name = String(provider?.['name'])
  if (name !== 'oidc') throw new Transient(`the auth-provider ${JSON.stringify(name)} is not there any more: use an exec plugin`)
  const { OpenIDConnectAuth } = await import('@kubernetes/client-node/dist/oidc_auth.js')
  return { plugin: new OpenIDConnectAuth() as unknown as Plugin, user }
}

/** How to dial where a proxy stands between. Node knows HTTP proxies, client-node the others. */
export async function proxied(context: Context, environment: Environment): Promise<{ proxyEnv?: Environment; agent?: Agent }> {
  const { proxy } = context.cluster
  if (proxy === null) return { proxyEnv: environment }
  if (/^https?:/.test(proxy)) return { proxyEnv: { HTTPS_PROXY: proxy, HTTP_PROXY: proxy } }
  const { KubeConfig } = await import('@kubernetes/client-node')
  const config = new KubeConfig()
  const cluster = { name: 'it', server: context.server, proxyUrl: proxy, skipTLSVerify: context.cluster.skipVerify }
  const ca = context.cluster.ca === null ? {} : { caData: Buffer.from(context.cluster.ca).toString('base64') }
  config.loadFromClusterAndUser({ ...cluster, ...ca }, { name: 'it' })
  const options: { agent?: Agent } = {}
  await config.applyToHTTPSOptions(options)
  return options.agent ? { agent: options.agent } : {}
}
