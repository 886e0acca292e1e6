import { connect, constants, type ClientHttp2Session, type ClientHttp2Stream, type OutgoingHttpHeaders } from 'node:http2'
import type { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { WebSocketServer } from 'ws'
import {
  MESSAGE_BYTES_MAX,
  PING_EVERY_MS,
  PING_LIMIT_MS,
  RAW_UPGRADE,
  SESSION_WINDOW_BYTES,
  STREAM_WINDOW_BYTES,
  STREAMS_MAX,
} from '../../agent/protocol.ts'
import type { Clock } from '../kernel/clock.ts'
import { Transient } from '../kernel/errors.ts'
import { messageDuplex } from '../kernel/message-duplex.ts'
import { watchFlood } from './flood.ts'
import { keepAlive } from '../kernel/session-pings.ts'

export interface StreamOptions {
  /** `wantTrailers` asks for what is to follow the last byte. */
  readonly waitForTrailers?: boolean
}

/** The h2 session over one agent's connection. We are its client. */
export interface Link {
  open(path: string, headers?: OutgoingHttpHeaders, options?: StreamOptions): ClientHttp2Stream
  /** Ends it at once; every stream on it fails. */
  cut(why: string): void
  /** No new streams; those that are open may end. */
  closePolitely(): void
  /** Resolves when nothing but the reports is open. */
  idle(): Promise<void>
  readonly streams: number
  readonly gone: Promise<void>
}

const SESSION_MEMORY_MB = 64
const HEADER_PAIRS_MAX = 64
const HEADER_BYTES_MAX = 16 * 1024

const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false, skipUTF8Validation: true, maxPayload: MESSAGE_BYTES_MAX })

/** Completes the upgrade of an agent that is already known. */
export function accepted(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<Duplex> {
  if (request.headers.upgrade?.toLowerCase() !== RAW_UPGRADE) {
    return new Promise((resolve, reject) => {
      // A handshake that is wrong is answered by the library, which tells nobody: only the end of the socket does.
      socket.once('close', () => reject(new Transient('the agent did not complete its WebSocket handshake')))
      sockets.handleUpgrade(request, socket, head, (ws) => resolve(messageDuplex(ws)))
    })
  }
  const answered = new Promise<Duplex>((resolve, reject) => {
    // Through TLS a write goes on for a while. Whose end it is when a session has the socket by then, Node does not survive.
    socket.write(`HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: ${RAW_UPGRADE}\r\n\r\n`, (error) =>
      error ? reject(new Transient('the agent hung up', { cause: error })) : resolve(socket),
    )
  })
  if (socket instanceof Socket) socket.setNoDelay(true)
  if (head.length > 0) socket.unshift(head)
  // Sockets of an HTTP server stay half open: without this an agent that was killed would be missed until a ping fails.
  socket.allowHalfOpen = false
  socket.on('end', () => socket.destroy(new Error('the agent hung up')))
  return answered
}

/**
 * Nobody wants to know how it goes on. Closed as done instead, a stream with bytes that nobody read would never be over: it waits
 * for a reader, and counts among those that the agent serves.
 */
export const abandon = (stream: ClientHttp2Stream): void => stream.close(constants.NGHTTP2_CANCEL)

export function createLink(connection: Duplex, clock: Clock, onFlood: (why: string) => void = () => {}): Link {
  let streams = 0
  let usedSinceAsked = false
  const waiting: (() => void)[] = []
  const session = connect('http://agent', {
    createConnection: () => connection,
    maxSessionMemory: SESSION_MEMORY_MB,
    maxHeaderListPairs: HEADER_PAIRS_MAX,
    settings: { initialWindowSize: STREAM_WINDOW_BYTES, enablePush: false, maxHeaderListSize: HEADER_BYTES_MAX },
  })
  connection.on('error', () => {})
  session.on('error', (error: NodeJS.ErrnoException) => {
    // What came is no HTTP/2. A lost connection has other codes.
    if (error.code === 'ERR_HTTP2_ERROR') onFlood(`the agent breaks the protocol: ${error.message}`)
  })
  session.on('connect', () => {
    if (!session.destroyed) session.setLocalWindowSize(SESSION_WINDOW_BYTES)
  })
  keepAlive(session, clock, { everyMs: PING_EVERY_MS, limitMs: PING_LIMIT_MS })
  const gone = closed(session, connection)
  const cutFor = (why: string) => {
    onFlood(why)
    setImmediate(() => session.destroy(new Error(why)))
  }
  const idle = () => {
    const was = !usedSinceAsked
    usedSinceAsked = streams > 1
    return was
  }
  watchFlood({ session, connection, idle, cut: cutFor }, clock)

  return {
    gone,
    get streams() {
      return streams
    },
    open(path, headers = {}, options = {}) {
      if (session.closed || session.destroyed) throw new Transient('the agent is no longer connected')
      if (streams >= STREAMS_MAX) throw new Transient(`the agent serves ${STREAMS_MAX} calls already`)
      const stream = session.request({ ':method': 'POST', ':path': path, ...headers }, { endStream: false, ...options })
      streams += 1
      usedSinceAsked ||= streams > 1
      stream.on('error', () => {})
      stream.on('close', () => {
        streams -= 1
        if (streams <= 1) for (const resolve of waiting.splice(0)) resolve()
      })
      return stream
    },
    // Not in this turn: a session that has just been made reads what is buffered in the next tick, and throws there, where nobody
    // can catch it, if it was destroyed before.
    cut: (why) => void setImmediate(() => session.destroy(new Error(why))),
    closePolitely: () => session.close(),
    idle: () => (streams <= 1 ? Promise.resolve() : new Promise((resolve) => waiting.push(resolve))),
  }
}

const closed = (session: ClientHttp2Session, connection: Duplex): Promise<void> =>
  new Promise((resolve) => {
    session.on('close', () => {
      connection.destroy()
      resolve()
    })
  })
