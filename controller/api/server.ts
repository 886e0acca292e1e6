import { createServer, type IncomingMessage, type Server, type ServerOptions, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { within, type Clock } from '../kernel/clock.ts'
import { isRefused, messageOf, Refused, Transient } from '../kernel/errors.ts'
import { newUid } from '../kernel/names.ts'
import { addressOf } from './address.ts'
import { slowedDown } from './attempts.ts'
import { answerRefused, refusedBy } from './answer.ts'
import { createCrowd } from './crowd.ts'
import { takesFiles } from './files.ts'
import { callerOf, NOBODY, refuseOpenAddress, refuseStrangers, refuseWithoutRight } from './guard.ts'
import type { Passes } from '../store/passes.ts'
import type { ApiPorts, DoorPorts, EarlyCall, Keys, Listen } from './ports.ts'
import { answerPage, isOfThePage } from './page.ts'
import { createRouter, needsToken, routeOf } from './routes.ts'
import { refuseBeyondPage } from './session.ts'
import { answerEarly } from './system.ts'
import { addTlsDoor } from './tls-door.ts'
import { createStaying, type Staying } from './staying.ts'
import { createUpgrades } from './upgrade.ts'
import { createWatches } from './watches.ts'
import { wishOf } from './wish.ts'

/** One server for people, programs and agents. It looks at who asks, finds the route, and says what went wrong. */

export interface Api {
  readonly host: string
  readonly port: number
  /** Everything is open now. Until then it says that it lives, and to everything else that it is not ready. */
  open(ports: Omit<ApiPorts, keyof DoorPorts>): void
  /** Of our own certificate, when the one before it comes to its end. */
  renew(keys: Keys): void
  /** Ends what is open; resolves within a third of a second. May be called again. */
  close(): Promise<void>
}

const CONNECTIONS_MAX = 4096
const CLOSE_LIMIT_MS = 200
const REQUEST_ID = /^[A-Za-z0-9_-]{1,64}$/

/** A request that arrives byte by byte may not hold a connection for ever. Files take as long as they take, while they move. */
const REQUEST_LIMIT_MS = 30_000

const LIMITS: ServerOptions = {
  maxHeaderSize: 16 * 1024,
  headersTimeout: 5_000,
  requestTimeout: 0,
  connectionsCheckingInterval: 1_000,
  keepAliveTimeout: 5_000,
  requireHostHeader: false,
  // An offer of HTTP/2, as Java and curl make it with every request: whoever does not take it answers as if it had not been made.
  shouldUpgradeCallback: ({ headers }) => headers.upgrade?.toLowerCase() !== 'h2c',
}

export async function openApi(given: DoorPorts, listen: Listen): Promise<Api> {
  refuseOpenAddress(listen)
  const door = { ...given, authority: slowedDown(given.authority, given.clock) }
  const staying = createStaying(door.authority)
  const watches = createWatches()
  const closing = new AbortController()
  const hosts = [...listen.hosts, listen.host].map((host) => host.toLowerCase())
  const server = createServer(LIMITS)
  const keys = listen.tls ?? listen.own ?? null
  const tls = keys && addTlsDoor(server, door.clock, keys, listen.tls === null)
  const answering = createAnswering()
  const crowd = createCrowd()
  server.maxConnections = CONNECTIONS_MAX
  server.maxHeadersCount = 100
  const route = createRouter(watches)
  let ports: ApiPorts | null = null
  const answer = (call: EarlyCall) => (ports ? route({ ...call, ports }) : answerEarly(call))
  const passes = () => ports?.browser?.passes ?? null
  server.on('request', (request, response) => {
    answering.add(response)
    if (isTooEager(request, response)) return void request.socket.destroy()
    void serve({ door, hosts, answer, passes, staying, crowd, closing: closing.signal }, request, response)
  })
  const upgrades = createUpgrades(door, () => ports, hosts, staying)
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => void upgrades.handle(request, socket, head))
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) => refuseUnreadable(error, socket))
  door.metrics.gauge('bothy_api_watches', 'Watches that are open now', () => watches.count())
  const { port } = await listening(server, listen)
  door.log.info('the API is open', { host: listen.host, port, tls: listen.tls ? 'only' : tls ? 'too' : 'not' })
  let closed: Promise<void> | null = null
  return {
    host: listen.host,
    port,
    open(served) {
      // Who is asked about somebody stays who was asked before.
      ports = { ...served, ...door }
      staying.open(served.browser?.passes ?? null)
    },
    renew: (renewed) => tls?.renew(renewed),
    close() {
      staying.close()
      tls?.close()
      return (closed ??= closeServer(door, server, closing, answering))
    },
  }
}

function listening(server: Server, { host, port }: Listen): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const taken = error.code === 'EADDRINUSE'
      reject(taken ? new Refused('Conflict', `${host}:${port} is taken by another program: give another --port (BOTHY_PORT)`) : error)
    })
    server.listen({ host, port, backlog: 511 }, () => {
      const address = server.address()
      if (address === null || typeof address === 'string') reject(new Error('the server has no port'))
      else resolve(address)
    })
  })
}

/** Who asks on and on in one breath, and does not wait for an answer, would have us hold all of them. */
const UNANSWERED_MAX = 100
const unanswered = new WeakMap<object, number>()

function isTooEager({ socket }: IncomingMessage, response: ServerResponse): boolean {
  const count = (unanswered.get(socket) ?? 0) + 1
  unanswered.set(socket, count)
  response.once('close', () => unanswered.set(socket, (unanswered.get(socket) ?? 1) - 1))
  return count > UNANSWERED_MAX
}

/** The answers that are being written: a server with upgraded connections never says that it is closed. */
interface Answering {
  add(response: ServerResponse): void
  none(): Promise<void>
}

function createAnswering(): Answering {
  const open = new Set<ServerResponse>()
  let told: (() => void) | null = null
  return {
    add(response) {
      open.add(response)
      response.on('close', () => {
        open.delete(response)
        if (open.size === 0) told?.()
      })
    },
    none: () =>
      new Promise((resolve) => {
        if (open.size === 0) resolve()
        else told = resolve
      }),
  }
}

/** Streams end by themselves when told; what does not is cut. Upgraded connections belong to those who took them over. */
async function closeServer({ clock, log }: DoorPorts, server: Server, closing: AbortController, answering: Answering): Promise<void> {
  server.close()
  closing.abort()
  server.closeIdleConnections()
  try {
    await within(clock, CLOSE_LIMIT_MS, answering.none(), () => new Transient('answers are still being written'))
  } catch (error) {
    log.debug('the API was cut', { error: messageOf(error) })
  }
  server.closeAllConnections()
}

/** What is no HTTP, comes too slowly or has too long headers never becomes a request. */
function refuseUnreadable(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (!socket.writable || error.code === 'ECONNRESET') return void socket.destroy()
  const status = { ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout', HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large' }[
    error.code ?? ''
  ]
  socket.end(`HTTP/1.1 ${status ?? '400 Bad Request'}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`, () => socket.destroy())
}

interface Serving {
  readonly door: DoorPorts
  readonly hosts: readonly string[]
  readonly answer: (call: EarlyCall) => Promise<void>
  readonly passes: () => Passes | null
  readonly staying: Staying
  readonly crowd: ReturnType<typeof createCrowd>
  readonly closing: AbortSignal
}

async function serve(serving: Serving, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { door: ports, hosts, answer, closing } = serving
  const { clock } = ports
  const startedAt = clock.elapsedMs()
  const asked = request.headers['x-request-id']
  const requestId = typeof asked === 'string' && REQUEST_ID.test(asked) ? asked : newUid()
  const log = ports.log.with({ requestId })
  const gone = goneSignal(response, closing)
  response.setHeader('x-request-id', requestId)
  response.setHeader('cache-control', 'no-store')
  response.setHeader('x-content-type-options', 'nosniff')
  const { path, query } = addressOf(request)
  if (!takesFiles(request.method ?? '', path)) limitArrival(clock, request)
  await serving.crowd.turn()
  try {
    refuseStrangers(request, hosts)
    const method = request.method ?? ''
    const needed = needsToken(path)
    const caller = needed ? await callerOf(request, ports.authority, serving.passes()) : NOBODY
    if (caller.session) refuseBeyondPage(method, path)
    if (needed) {
      const wish = wishOf(method, path, query)
      await refuseWithoutRight(ports.authority, caller, wish)
      const leave = serving.staying.add(caller, wish, () => response.destroy())
      // Gone while it was asked who they are: their leaving would never be heard.
      if (response.closed) leave()
      else response.once('close', leave)
    }
    if (isOfThePage(path)) await answerPage(request, response, path)
    else await answer({ ports, caller, request, response, method, path, query, log, signal: gone })
  } catch (error) {
    answerError(request, response, log, requestId, error)
  }
  const seconds = (clock.elapsedMs() - startedAt) / 1000
  const labels = { method: methodLabel(request.method), route: routeOf(path), code: String(response.statusCode) }
  ports.metrics.count('bothy_api_requests_total', 'Requests by route and answer', labels)
  if (query.get('watch') === null)
    ports.metrics.observe('bothy_api_request_seconds', 'How long requests took, watches left out', seconds, { route: labels.route })
  log.debug('answered', { method: request.method, path, code: response.statusCode, ms: Math.round(seconds * 1000) })
}

const METHODS: ReadonlySet<string> = new Set(['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS'])
const methodLabel = (method = ''): string => (METHODS.has(method) ? method : 'other')

function limitArrival(clock: Clock, request: IncomingMessage): void {
  if (request.complete) return
  const cancel = clock.after(REQUEST_LIMIT_MS, () => (request.complete ? undefined : request.destroy()))
  request.once('close', cancel)
}

/** Made once: every request ends by it, and nobody looks at where. */
const GONE = 'nobody reads the answer any more'

/** Aborts when nobody reads the answer any more, or when the server ends. */
function goneSignal(response: ServerResponse, closing: AbortSignal): AbortSignal {
  const gone = new AbortController()
  const end = () => {
    closing.removeEventListener('abort', end)
    gone.abort(GONE)
  }
  closing.addEventListener('abort', end)
  response.on('close', end)
  if (closing.aborted) end()
  return gone.signal
}

function answerError(request: IncomingMessage, response: ServerResponse, log: EarlyCall['log'], requestId: string, error: unknown): void {
  const refused = refusedBy(error, requestId)
  if (refused !== error && !(error instanceof Transient))
    log.error('a request failed', { method: request.method, path: request.url, error })
  else if (isRefused(error, 'Unauthorized', 'Forbidden'))
    log.info('a request was refused', { method: request.method, reason: refused.reason, message: messageOf(error) })
  if (response.headersSent) return void response.destroy()
  // A body that was refused unread must not be taken for the next request.
  if (!request.complete) response.setHeader('connection', 'close')
  answerRefused(response, refused)
}
