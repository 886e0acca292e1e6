import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { Refused } from '../kernel/errors.ts'
import { PASS_BEGINS, type Passes } from '../store/passes.ts'
import type { Caller, DoorPorts, Listen } from './ports.ts'
import { notReady } from './system.ts'

/**
 * Who may talk to this server at all. A page on the internet can make a browser ask a server on loopback, even under a name
 * that resolves to loopback, so the name it was asked by and the page that asks are looked at, besides the token.
 */

const LOOPBACK: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '[::1]'])

export const isLoopback = (host: string): boolean => LOOPBACK.has(host) || host === '::1' || /^127(?:\.\d{1,3}){3}$/.test(host)

/** An address other people reach needs TLS, or somebody who says that they know what goes over the wire. */
export function refuseOpenAddress({ host, tls, insecure }: Listen): void {
  if (isLoopback(host) || tls || insecure) return
  throw new Refused(
    'Forbidden',
    `listening on ${host} without TLS would send tokens in the clear: set BOTHY_TLS_CERT and BOTHY_TLS_KEY, or --insecure (BOTHY_INSECURE=1) if the network is yours alone`,
  )
}

export function refuseStrangers(request: IncomingMessage, hosts: readonly string[]): void {
  const host = hostNameOf(request.headers.host ?? '')
  if (!isOurs(host, hosts, request.socket.localAddress ?? '')) {
    throw new Refused('Forbidden', `this server is not known as ${JSON.stringify(host)}; set BOTHY_ACCESS_URL to the name it is reached by`)
  }
  const { origin } = request.headers
  if (origin !== undefined && !isSameOrigin(origin, request.headers.host ?? '')) {
    throw new Refused('Forbidden', 'a page of another origin may not ask this server')
  }
}

const hostNameOf = (header: string): string =>
  (/^(?<name>\[[0-9a-f:.]+\]|[^:/\s]+)(?::\d{1,5})?$/i.exec(header)?.groups?.['name'] ?? '').toLowerCase()

/** An address that the connection itself arrived at cannot be the name of somebody else's page. */
function isOurs(host: string, hosts: readonly string[], localAddress: string): boolean {
  const local = localAddress.replace(/^::ffff:/, '')
  return LOOPBACK.has(host) || hosts.includes(host) || (host !== '' && (host === local || host === `[${local}]`))
}

const isSameOrigin = (origin: string, host: string): boolean => URL.canParse(origin) && new URL(origin).host === host.toLowerCase()

const digest = (text: string): Buffer => createHash('sha256').update(text).digest()

/** Who asks. Compared in constant time, whatever was sent. `passes` null: those cannot be read yet. */
export function callerOf(request: IncomingMessage, { token, user }: Pick<DoorPorts, 'token' | 'user'>, passes: Passes | null): Caller {
  const sent = /^Bearer (?<token>\S{1,4096})$/i.exec(request.headers.authorization ?? '')?.groups?.['token']
  if (sent !== undefined && timingSafeEqual(digest(sent), digest(token))) return { user, session: null }
  if (sent?.startsWith(PASS_BEGINS)) {
    if (!passes) throw notReady()
    const session = passes.read('Page', sent)
    if (session) return { user: session.user, session }
    throw new Refused('Unauthorized', 'the session is over: sign in again')
  }
  throw new Refused(
    'Unauthorized',
    sent === undefined ? 'no token was given: send Authorization: Bearer …' : 'the token is not the one of this control plane',
  )
}
