import { constants, type ClientHttp2Stream, type IncomingHttpHeaders, type OutgoingHttpHeaders, type ServerHttp2Stream } from 'node:http2'
import { messageOf } from '../kernel/errors.ts'
import type { Log } from '../kernel/log.ts'
import { pour } from '../kernel/pour.ts'
import { abandon, type Link } from './link.ts'

/**
 *   person ─► replica without the agent ──one h2 stream──► replica that holds it ──one h2 stream──► agent
 *
 * What one replica asks of an agent that another holds is the same stream, passed on: headers, bytes, trailers, and how it ended.
 */

export const RELAY_AGENT = 'bothy-relay-agent'
/** The asker says how its body ended in a trailer. */
export const RELAY_TRAILERS = 'bothy-relay-trailers'
export const RELAY_KEY = 'bothy-relay-key'

const OURS: ReadonlySet<string> = new Set([RELAY_AGENT, RELAY_TRAILERS, RELAY_KEY])
const GONE = { ':status': 503, 'content-type': 'application/json' } as const

/** Serves another replica: to the link of an agent that is connected here. */
export function passOn(asked: ServerHttp2Stream, headers: IncomingHttpHeaders, link: Pick<Link, 'open'>, log: Log): void {
  let stream: ClientHttp2Stream
  try {
    stream = link.open(String(headers[':path'] ?? '/'), ownHeaders(headers), { waitForTrailers: headers[RELAY_TRAILERS] !== undefined })
  } catch (error) {
    log.debug('a stream could not be passed on', { error: messageOf(error) })
    return refuse(asked, messageOf(error))
  }
  askedFor(asked, stream)
  answered(asked, stream)
}

export function refuse(asked: ServerHttp2Stream, message: string): void {
  if (asked.destroyed) return
  asked.respond(GONE)
  asked.end(JSON.stringify({ message }))
}

const ownHeaders = (headers: IncomingHttpHeaders): OutgoingHttpHeaders =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => !name.startsWith(':') && !OURS.has(name)))

/** What the asker sends. Its trailer, where it says one, comes before its end. */
function askedFor(asked: ServerHttp2Stream, stream: ClientHttp2Stream): void {
  let trailers: OutgoingHttpHeaders = {}
  asked.on('trailers', (received) => (trailers = ownHeaders(received)))
  stream.once('wantTrailers', () => stream.sendTrailers(trailers))
  asked.on('error', () => {})
  asked.on('aborted', () => abandon(stream))
  asked.on('close', () => {
    if (asked.rstCode !== constants.NGHTTP2_NO_ERROR) abandon(stream)
  })
  pour(asked, stream)
}

/** What the agent answers. A stream that was cut must not look complete to whoever asked. */
function answered(asked: ServerHttp2Stream, stream: ClientHttp2Stream): void {
  let trailers: OutgoingHttpHeaders = {}
  let complete = false
  stream.once('response', (headers) => {
    if (asked.destroyed) return abandon(stream)
    asked.respond({ ':status': Number(headers[':status'] ?? 502), ...ownHeaders(headers) }, { waitForTrailers: true })
    asked.once('wantTrailers', () => asked.sendTrailers(trailers))
    pour(stream, asked, { end: false })
  })
  stream.on('trailers', (received) => (trailers = ownHeaders(received)))
  stream.on('end', () => {
    complete = stream.rstCode === constants.NGHTTP2_NO_ERROR && !stream.aborted
    if (complete && asked.headersSent) asked.end()
  })
  stream.on('close', () => {
    if (complete || asked.destroyed) return
    if (asked.headersSent) asked.close(constants.NGHTTP2_INTERNAL_ERROR)
    else refuse(asked, 'The agent of the workspace was lost.')
  })
}
