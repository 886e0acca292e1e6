import { ownAuthority, type OwnAuthority } from './api/own-authority.ts'
import type { Api } from './api/server.ts'
import type { Config } from './config.ts'
import type { Metrics } from './kernel/metrics.ts'
import { kubeconfigText } from './kubeconfig.ts'
import { keepRenewed, ownCertificate, type OwnCertificate } from './own-certificate.ts'
import { hostsOf, openDoor, urlOf, type Running } from './serve.ts'
import { writeWhole } from './state.ts'

/**
 * The API of a standalone: plain HTTP for whoever is on this machine, and TLS on the same port for kubectl, with a kubeconfig
 * that says so.
 */
export interface OwnDoor {
  readonly api: Api
  readonly authority: OwnAuthority
  /** Renews the certificate whenever it is time to. */
  keep(over: AbortSignal): Promise<void>
}

export async function openOwnDoor(running: Running, metrics: Metrics): Promise<OwnDoor> {
  const { config, state, clock } = running
  const look = (): OwnCertificate => ownCertificate(state.dir, hostsOf(config), clock.now())
  const own = config.tls ? null : look()
  const authority = ownAuthority({ token: state.token, user: config.user })
  const api = await openDoor(running, metrics, authority, own?.keys)
  const tell = (ca: string | null) =>
    writeWhole(state.kubeconfigFile, kubeconfigText({ server: secureUrl(config, api), ca, token: state.token }))
  tell(own?.ca ?? null)
  const renew = ({ ca, keys }: OwnCertificate) => {
    api.renew(keys)
    tell(ca)
  }
  return { api, authority, keep: async (over) => (own ? keepRenewed(running, look, renew, over) : undefined) }
}

/** A certificate of the operator's names what they call this control plane; ours names this machine. */
function secureUrl(config: Config, api: Api): string {
  if (config.tls && config.accessUrl?.startsWith('https:')) return config.accessUrl
  const host = ['0.0.0.0', '::'].includes(api.host) ? '127.0.0.1' : api.host
  return urlOf(config, { ...api, host }).replace(/^http:/, 'https:')
}
