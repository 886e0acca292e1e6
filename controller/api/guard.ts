import type { IncomingMessage } from 'node:http'
import { Refused } from '../kernel/errors.ts'
import { PASS_BEGINS, type Passes } from '../store/passes.ts'
import type { Authority, Caller, Listen, Wish } from './ports.ts'
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

export const NOBODY: Caller = { user: '', groups: [], session: null, token: null }

/** Who asks. `passes` null: those cannot be read yet. */
export async function callerOf(request: IncomingMessage, authority: Authority, passes: Passes | null): Promise<Caller> {
  const sent = /^Bearer (?<token>\S{1,8192})$/i.exec(request.headers.authorization ?? '')?.groups?.['token']
  if (sent === undefined) throw new Refused('Unauthorized', 'no token was given: send Authorization: Bearer …')
  if (sent.startsWith(PASS_BEGINS)) return sessionOf(sent, passes)
  const caller = await authority.authenticate(sent, request.socket.remoteAddress ?? '')
  if (caller) return caller
  throw new Refused('Unauthorized', 'the token is not one of this control plane')
}

function sessionOf(text: string, passes: Passes | null): Caller {
  if (!passes) throw notReady()
  const session = passes.read('Page', text)
  if (!session) throw new Refused('Unauthorized', 'the session is over: sign in again')
  return { user: session.user, groups: session.groups, session, token: null }
}

export async function refuseWithoutRight(authority: Authority, caller: Caller, wish: Wish): Promise<void> {
  const refused = await authority.authorize(caller, wish)
  if (refused) throw refused
}
