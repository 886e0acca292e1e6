import { chmod, rm } from 'node:fs/promises'
import {
  constants,
  createSecureServer,
  createServer,
  type Http2SecureServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2'
import { messageOf } from '../../controller/kernel/errors.ts'

/** Unary gRPC on a unix socket: five bytes of prefix and one message each way, the outcome in the trailers. */

export type Method<Session> = (request: Buffer, session: Session) => Promise<Uint8Array>

export interface GrpcServer {
  close(): Promise<void>
}

/** Who may connect, where the socket's permissions are not enough: whoever shows a certificate that `client` signed. */
export interface Tls {
  readonly key: string
  readonly certificate: string
  readonly client: string
}

const STATUS = { ok: 0, resourceExhausted: 8, unimplemented: 12, internal: 13 } as const
type Status = (typeof STATUS)[keyof typeof STATUS]

const PREFIX_BYTES = 5
const MESSAGE_BYTES_MAX = 64 * 1024 * 1024
const WINDOW_BYTES = 1024 * 1024
const SESSIONS_MAX = 256

class CallError extends Error {
  readonly status: Status
  constructor(status: Status, message: string) {
    super(message)
    this.status = status
  }
}

/** `opened` makes what one client's connection remembers; `closed` ends it. */
export async function serveGrpc<Session>(options: {
  readonly socketPath: string
  readonly methods: ReadonlyMap<string, Method<Session>>
  readonly opened: () => Session
  readonly closed: (session: Session) => void
  /** Streams that are answered and then stay open, with nothing in them. */
  readonly held?: ReadonlySet<string>
  readonly tls?: Tls
}): Promise<GrpcServer> {
  const sessions = new Map<ServerHttp2Session, Session>()
  const running = new Set<Promise<void>>()
  const server = serverWith(options.tls)
  server.on('session', (connection) => {
    // Without a listener an error of one connection would end the process.
    connection.on('error', () => {})
    if (sessions.size >= SESSIONS_MAX) return connection.destroy(undefined, constants.NGHTTP2_ENHANCE_YOUR_CALM)
    const session = options.opened()
    sessions.set(connection, session)
    connection.on('close', () => {
      sessions.delete(connection)
      options.closed(session)
    })
  })
  server.on('stream', (stream, headers) => {
    stream.on('error', () => {})
    const session = stream.session && sessions.get(stream.session as ServerHttp2Session)
    if (session === undefined) return stream.close(constants.NGHTTP2_REFUSED_STREAM)
    if (options.held?.has(String(headers[':path']))) return hold(stream)
    const call = answer(stream, headers, options.methods, session)
    running.add(call)
    void call.finally(() => running.delete(call))
  })
  // Until chmod the umask keeps others from connecting: that needs write permission.
  await rm(options.socketPath, { force: true })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.socketPath, () => {
      server.off('error', reject)
      server.on('error', () => {})
      resolve()
    })
  })
  await chmod(options.socketPath, 0o600)
  return {
    async close() {
      const ended = new Promise<void>((resolve) => server.close(() => resolve()))
      for (const connection of sessions.keys()) connection.destroy()
      await ended
      // Whoever asked may be gone; what is being made is made to its end all the same.
      await Promise.all(running)
      await rm(options.socketPath, { force: true })
    },
  }
}

const SETTINGS = { initialWindowSize: WINDOW_BYTES, maxConcurrentStreams: 1000 }

const serverWith = (tls: Tls | undefined): Http2Server | Http2SecureServer =>
  tls
    ? createSecureServer({
        settings: SETTINGS,
        key: tls.key,
        cert: tls.certificate,
        ca: tls.client,
        requestCert: true,
        rejectUnauthorized: true,
      })
    : createServer({ settings: SETTINGS })

function hold(stream: ServerHttp2Stream): void {
  stream.respond({ ':status': 200, 'content-type': 'application/grpc+proto' })
  stream.resume()
}

async function answer<Session>(
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  methods: ReadonlyMap<string, Method<Session>>,
  session: Session,
): Promise<void> {
  try {
    const method = methods.get(String(headers[':path']))
    if (!method) throw new CallError(STATUS.unimplemented, `no method ${String(headers[':path'])}`)
    const response = await method(await requestOf(stream), session)
    if (stream.destroyed) return
    const prefix = Buffer.alloc(PREFIX_BYTES)
    prefix.writeUInt32BE(response.byteLength, 1)
    stream.respond({ ':status': 200, 'content-type': 'application/grpc+proto' }, { waitForTrailers: true })
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': String(STATUS.ok) }))
    stream.end(Buffer.concat([prefix, response]))
  } catch (error) {
    refuse(stream, error instanceof CallError ? error.status : STATUS.internal, messageOf(error))
  }
}

/** A refusal is headers alone: the trailers' words in them, and no body. */
function refuse(stream: ServerHttp2Stream, status: Status, message: string): void {
  if (stream.destroyed || stream.headersSent) return
  stream.respond(
    {
      ':status': 200,
      'content-type': 'application/grpc+proto',
      'grpc-status': String(status),
      'grpc-message': encodeURIComponent(message),
    },
    { endStream: true },
  )
  // What the client is still sending is not read.
  stream.resume()
}

async function requestOf(stream: ServerHttp2Stream): Promise<Buffer> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of stream.iterator({ destroyOnReturn: false })) {
    chunks.push(chunk)
    length += chunk.length
    if (length > MESSAGE_BYTES_MAX + PREFIX_BYTES)
      throw new CallError(STATUS.resourceExhausted, `a request is longer than ${MESSAGE_BYTES_MAX} bytes`)
  }
  const whole = Buffer.concat(chunks)
  if (whole.length < PREFIX_BYTES || whole.readUInt32BE(1) !== whole.length - PREFIX_BYTES)
    throw new CallError(STATUS.internal, 'a request must be one whole message')
  if (whole[0] !== 0) throw new CallError(STATUS.unimplemented, 'compressed requests are not read')
  return whole.subarray(PREFIX_BYTES)
}
