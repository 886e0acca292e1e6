import type { IncomingHttpHeaders, IncomingMessage, OutgoingHttpHeaders } from 'node:http'
import { cookieFromApp, cookiesForApp } from './cookies.ts'

/** Which headers pass between a browser and an app, and as what. Plain functions of plain data. */

/** About one connection, never about what lies behind it. */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
])

/** Who asks is for us to say. */
const OURS = /^(?:x-forwarded-|forwarded$|x-real-ip$|bothy-)/

/** These would reach beyond the app: over the whole host, or the browser's memory of it. */
const NOT_ON_A_SHARED_HOST: ReadonlySet<string> = new Set(['service-worker-allowed', 'clear-site-data', 'origin-agent-cluster'])
const NEVER_FROM_AN_APP: ReadonlySet<string> = new Set(['strict-transport-security', 'alt-svc', 'public-key-pins', 'nel', 'report-to'])

export interface Face {
  /** As the browser has it: `http://127.0.0.1:7081`. */
  readonly origin: string
  /** What each path of the app begins with there; empty on a host of its own. */
  readonly base: string
  /** As the workspace has it. */
  readonly inside: URL
  /** Whether a value of `Authorization` is for the control plane. */
  readonly isOurToken: (authorization: string) => boolean
}

type Listed = Record<string, string | string[]>

export function headersForApp(request: IncomingMessage, face: Face, upgrade: string | null): OutgoingHttpHeaders {
  const out = passed(request)
  for (const name of Object.keys(out)) if (OURS.test(name)) delete out[name]
  const { headers } = request
  const cookies = cookiesForApp(headers.cookie)
  delete out['cookie']
  // Nothing is sent of it: an app that waited for a body would take the next visitor's request for one.
  if (upgrade !== null) delete out['content-length']
  if (headers.authorization !== undefined && face.isOurToken(headers.authorization)) delete out['authorization']
  // An app that compares who asks with where it is asked must find them alike.
  for (const name of ['origin', 'referer']) {
    const value = out[name]
    if (typeof value === 'string' && (value === face.origin || value.startsWith(`${face.origin}/`)))
      out[name] = face.inside.origin + value.slice(face.origin.length)
  }
  const { host, protocol } = new URL(face.origin)
  return {
    ...out,
    host: face.inside.host,
    ...(cookies === null ? {} : { cookie: cookies }),
    'x-forwarded-for': (request.socket.remoteAddress ?? '').replace(/^::ffff:/, ''),
    'x-forwarded-host': host,
    'x-forwarded-proto': protocol.slice(0, -1),
    ...(face.base === '' ? {} : { 'x-forwarded-prefix': face.base }),
    ...(upgrade === null ? {} : { connection: 'Upgrade', upgrade }),
    ...(upgrade !== null || headers['transfer-encoding'] === undefined ? {} : { 'transfer-encoding': 'chunked' }),
  }
}

const PHRASE = /^[\t\x20-\x7e\x80-\xff]*$/

/** The first line of an answer; null: no answer has that one. An app may say anything, and Node throws at what it would not send. */
export function statusOf({
  statusCode = 0,
  statusMessage = '',
}: IncomingMessage): { readonly code: number; readonly phrase: string } | null {
  return statusCode < 200 || statusCode > 999 ? null : { code: statusCode, phrase: PHRASE.test(statusMessage) ? statusMessage : '' }
}

export function headersFromApp(answer: IncomingMessage, face: Face): Listed {
  const out = passed(answer)
  for (const name of Object.keys(out)) {
    if (NEVER_FROM_AN_APP.has(name) || (face.base !== '' && NOT_ON_A_SHARED_HOST.has(name)) || name.startsWith('bothy-')) delete out[name]
  }
  const cookies = (answer.headers['set-cookie'] ?? []).flatMap(
    (each) => cookieFromApp(each, (path) => withBase(path, face.inside, face.base)) ?? [],
  )
  delete out['set-cookie']
  if (cookies.length > 0) out['set-cookie'] = cookies
  for (const name of ['location', 'content-location']) {
    const value = out[name]
    if (typeof value === 'string') out[name] = outside(value, face)
  }
  return out
}

/** Every header but those of the connection, those that it names itself included. */
function passed({ headers, headersDistinct }: IncomingMessage): Listed {
  const named = listedIn(headers)
  return Object.fromEntries(
    Object.entries(headersDistinct).flatMap(([name, values]) =>
      values === undefined || HOP_BY_HOP.has(name) || named.has(name) ? [] : [[name, values.length === 1 ? (values[0] ?? '') : values]],
    ),
  )
}

const listedIn = ({ connection }: IncomingHttpHeaders): ReadonlySet<string> =>
  new Set((connection ?? '').split(',').map((name) => name.trim().toLowerCase()))

const LOOPBACK: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '[::1]', '0.0.0.0'])

/** Where an app sends a browser to, as the browser reaches it: an app knows itself by its address in the workspace. */
export function outside(location: string, { inside, origin, base }: Face): string {
  if (location.startsWith('/') && !location.startsWith('//')) return withBase(location, inside, base)
  if (!URL.canParse(location)) return location
  const to = new URL(location)
  const same = to.host === inside.host || (LOOPBACK.has(to.hostname) && LOOPBACK.has(inside.hostname) && portOf(to) === portOf(inside))
  return same && /^https?:$/.test(to.protocol) ? origin + withBase(to.pathname + to.search + to.hash, inside, base) : location
}

const portOf = ({ port, protocol }: URL): string => port || (protocol === 'https:' ? '443' : '80')

/** Of what the app says, its own beginning is left out and ours put before. One that knows ours already has said it. */
function withBase(path: string, inside: URL, base: string): string {
  if (base !== '' && (path === base || path.startsWith(`${base}/`))) return path
  const own = inside.pathname.replace(/\/$/, '')
  const rest = own !== '' && (path === own || path.startsWith(`${own}/`)) ? path.slice(own.length) : path
  return `${base}${rest.startsWith('/') ? rest : `/${rest}`}`
}

/** The path that the app is asked for: its own address may have one, and a question. */
export function pathInside(rest: string, { inside }: Face): string {
  const path = `${inside.pathname.replace(/\/$/, '')}${rest}`
  return rest === '/' ? path + inside.search : path
}
