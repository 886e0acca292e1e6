import { createServer, type IncomingMessage, type Server, type ServerOptions } from 'node:http'
import type { Duplex } from 'node:stream'
import { messageOf, Refused } from '../kernel/errors.ts'
import { createEnter, ENTER_PATH } from './enter.ts'
import { forward, type Way } from './forward.ts'
import { createGate, type Answer } from './gate.ts'
import { createLive } from './live.ts'
import { failed } from './notices.ts'
import { opener, type OpenApp } from './open-app.ts'
import { answerNotice } from './pages.ts'
import { AppConnections } from './pool.ts'
import { LIMITS, type AppsLimits, type AppsListen, type AppsPorts, type Outside } from './ports.ts'
import { forwardUpgrade, refuse } from './upgrades.ts'
import { createWorkspaces } from './workspaces.ts'

/** Apps of workspaces, on an origin of their own: what runs there is anybody's, and may not be the control plane's neighbour. */

export interface Apps {
  readonly port: number
  readonly outside: Outside
  /** Where somebody goes to be let in to an app. */
  readonly open: OpenApp
  /** Who may use what has changed. */
  review(): void
  /** Shows another certificate to whoever comes from now on. */
  renew(keys: NonNullable<AppsListen['tls']>): void
  close(): Promise<void>
}

const SERVER: ServerOptions = {
  maxHeaderSize: 32 * 1024,
  headersTimeout: 10_000,
  // Uploads take as long as they take.
  requestTimeout: 0,
  connectionsCheckingInterval: 2_000,
  keepAliveTimeout: 5_000,
  requireHostHeader: true,
}

const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/

export async function openApps(ports: AppsPorts, listen: AppsListen, limits: AppsLimits = LIMITS): Promise<Apps> {
  const { log, metrics } = ports
  const secure = listen.tls ? (await import('node:https')).createServer({ ...SERVER, ...listen.tls }) : null
  const server = secure ?? createServer(SERVER)
  server.maxConnections = limits.connections
  server.maxHeadersCount = 200
  const port = await listening(server, listen, log)
  const outside = outsideOf(listen, port)
  const workspaces = createWorkspaces(ports)
  const gate = createGate(
    ports,
    workspaces,
    () => outside,
    (request) => isOurs(request, listen),
  )
  const live = createLive(gate, limits.perWorkspace)
  const way: Way = { connections: new AppConnections(ports, limits.perTarget), live, limits }
  const enter = createEnter(ports, gate, workspaces, () => outside)
  ports.passes.onEnded(live.review)
  metrics.gauge('bothy_app_requests', 'Requests and connections to apps that go on now', () => live.count)

  server.on('request', (request, response) => {
    const count = () => metrics.count('bothy_app_requests_total', 'Requests to apps by answer', { code: String(response.statusCode) })
    response.on('close', count)
    const answer = async (): Promise<void> => {
      if ((request.url ?? '').split('?', 1)[0] === ENTER_PATH) return enter(request, response)
      const admitted = await gate.admit(request)
      if ('in' in admitted) return forward(way, admitted.in, request, response)
      if ('notice' in admitted) return answerNotice(request, response, admitted.notice)
      response.writeHead(307, { location: admitted.redirect, 'cache-control': 'no-store', 'content-length': '0' }).end()
    }
    answer().catch((error: unknown) => {
      log.warn('a request to an app failed', { error: messageOf(error) })
      answerNotice(request, response, failed('The app', undefined, error))
    })
  })
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => {})
    gate
      .admit(request)
      .then((admitted) => passOn(way, admitted, request, socket, head))
      .catch((error: unknown) => refuse(request, socket, failed('The app', undefined, error)))
  })
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) => {
    if (!socket.writable || error.code === 'ECONNRESET') return void socket.destroy()
    const status = error.code === 'HPE_HEADER_OVERFLOW' ? '431 Request Header Fields Too Large' : '400 Bad Request'
    socket.end(`HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`, () => socket.destroy())
  })
  log.info('apps are served', { host: listen.host, port, suffix: listen.suffix })
  return {
    port,
    outside,
    open: opener(ports, workspaces, outside),
    review: live.review,
    renew: (keys) => secure?.setSecureContext(keys),
    async close() {
      server.close()
      live.close()
      way.connections.destroy()
      server.closeAllConnections()
    },
  }
}

function passOn(way: Way, admitted: Answer, request: IncomingMessage, socket: Duplex, head: Buffer): void {
  if ('in' in admitted) return forwardUpgrade(way, admitted.in, request, socket, head)
  if ('notice' in admitted) return refuse(request, socket, admitted.notice)
  socket.end(`HTTP/1.1 307 Temporary Redirect\r\nlocation: ${admitted.redirect}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`)
}

async function listening(server: Server, { host, port, portIsChosen }: AppsListen, log: AppsPorts['log']): Promise<number> {
  try {
    return await bound(server, host, port)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EADDRINUSE')) throw error
    if (portIsChosen)
      throw new Refused('Conflict', `${host}:${port} is taken by another program: give apps another port with BOTHY_APPS_PORT`)
    log.warn('the port beside that of the API is taken, so apps have another', { host, port })
    return bound(server, host, 0)
  }
}

function bound(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port, backlog: 511 }, () => {
      server.off('error', reject)
      const address = server.address()
      resolve(typeof address === 'object' && address ? address.port : port)
    })
  })
}

function outsideOf({ url, host, tls, suffix }: AppsListen, port: number): Outside {
  const origin = url ?? `${tls ? 'https' : 'http'}://${host.includes(':') ? `[${host}]` : host}:${port}`
  return { origin: new URL(origin).origin, suffix, secure: origin.startsWith('https:') }
}

/** A page elsewhere may have a name that resolves to here: only names that are ours are answered. */
function isOurs({ headers, socket }: IncomingMessage, { hosts, host: own }: AppsListen): boolean {
  const host = (/^(\[[0-9a-f:.]+\]|[^:/\s]+)(?::\d{1,5})?$/i.exec(headers.host ?? '')?.[1] ?? '').toLowerCase()
  const local = (socket.localAddress ?? '').replace(/^::ffff:/, '')
  return (
    LOOPBACK.test(host) || host === own.toLowerCase() || hosts.includes(host) || (host !== '' && (host === local || host === `[${local}]`))
  )
}
