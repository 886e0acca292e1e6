import { performServerHandshake, type IncomingHttpHeaders, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2'
import type { Duplex } from 'node:stream'
import { SESSION_WINDOW_BYTES, STREAM_WINDOW_BYTES, STREAMS_MAX } from './protocol.ts'

export type Service = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void

const SESSION_MEMORY_MB = 64
/** A thousand cancelled streams within a moment are ordinary here, and an attack to the defaults. */
const RESETS = 1e6

/** Serves HTTP/2 on a connection that we dialled. Must be called in the turn in which the connection opened. */
export function serve(link: Duplex, services: Readonly<Record<string, Service>>): ServerHttp2Session {
  const session = performServerHandshake(link, {
    settings: { initialWindowSize: STREAM_WINDOW_BYTES, maxConcurrentStreams: STREAMS_MAX },
    maxSessionMemory: SESSION_MEMORY_MB,
    streamResetBurst: RESETS,
    streamResetRate: RESETS,
  })
  session.setLocalWindowSize(SESSION_WINDOW_BYTES)
  session.on('error', () => {})
  link.on('error', () => {})
  session.on('stream', (stream, headers) => {
    // Without a listener one broken stream ends the whole program, and a stream may be cancelled before we see it.
    stream.on('error', () => {})
    if (stream.destroyed || stream.closed) return
    const service = services[String(headers[':path'])]
    if (service) service(stream, headers)
    else stream.respond({ ':status': 404 }, { endStream: true })
  })
  return session
}

/** The whole body as JSON; null where it is none, or too long. */
export async function jsonBody(stream: ServerHttp2Stream, bytesMax: number): Promise<unknown> {
  const parts: Buffer[] = []
  let bytes = 0
  for await (const part of stream) {
    if (!Buffer.isBuffer(part)) continue
    bytes += part.length
    if (bytes > bytesMax) return null
    parts.push(part)
  }
  try {
    return JSON.parse(Buffer.concat(parts).toString())
  } catch {
    return null
  }
}

export function answer(stream: ServerHttp2Stream, status: number, value?: unknown): void {
  if (stream.destroyed || stream.closed) return
  stream.respond({ ':status': status, 'content-type': 'application/json' })
  stream.end(value === undefined ? '' : JSON.stringify(value))
}
