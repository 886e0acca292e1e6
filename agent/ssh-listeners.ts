import { chmodSync, rmSync } from 'node:fs'
import { createServer, type ListenOptions, type Server, type Socket } from 'node:net'
import { join, type ForwardPorts } from './ssh-forwarded.ts'
import type { Connection, ServerChannel } from './ssh-library.ts'

/** -R: somebody in the workspace connects, and is led to the person's machine. */

const LISTENERS_MAX = 64

type Accept = (port?: number) => void
type Reject = () => void
type Done = (error: Error | undefined, channel: ServerChannel) => void
type Lead = (socket: Socket, open: (done: Done) => void) => void

interface Wanted {
  readonly bindAddr?: string
  readonly bindPort?: number
  readonly socketPath?: string
}

export function serveListeners(connection: Connection, ports: ForwardPorts): void {
  const listeners = createListeners()
  const lead: Lead = (socket, open) => {
    socket.on('error', () => {})
    if (!ports.transport.alive || !ports.takeChannel()) return void socket.destroy()
    open((error, channel) => {
      if (error) {
        ports.giveChannel()
        return void socket.destroy()
      }
      join(channel, socket, ports)
      socket.resume()
    })
  }
  const whenAlive = (say: () => void) => void (ports.transport.alive && say())
  const requests = requestsOf(connection, listeners, lead)
  listenToAll(connection, (accept, reject, name, wanted) => {
    const request = Object.hasOwn(requests, name) ? requests[name] : undefined
    const [yes, no]: [Accept, Reject] = [(port) => whenAlive(() => accept?.(port)), () => whenAlive(() => reject?.())]
    if (request) request(wanted, yes, no)
    else no()
  })
  connection.on('close', listeners.close)
}

function requestsOf(
  connection: Connection,
  listeners: Listeners,
  lead: Lead,
): Readonly<Record<string, (wanted: Wanted, accept: Accept, reject: Reject) => void>> {
  return {
    'tcpip-forward': ({ bindAddr = '', bindPort = 0 }, accept, reject) => {
      const onConnection = (socket: Socket, port: number) =>
        lead(socket, (done) => connection.forwardOut(bindAddr, port, socket.remoteAddress ?? '127.0.0.1', socket.remotePort ?? 0, done))
      // As sshd does by itself: on loopback, whatever address is asked for.
      if (!isPort(bindPort)) return reject()
      listeners.add(`tcp:${bindPort}`, { host: '127.0.0.1', port: bindPort }, onConnection, (port) =>
        port === null ? reject() : accept(port),
      )
    },
    'cancel-tcpip-forward': ({ bindPort = 0 }, accept, reject) => (listeners.remove(`tcp:${bindPort}`) ? accept() : reject()),
    'streamlocal-forward@openssh.com': ({ socketPath = '' }, accept, reject) => {
      if (!isSocketPath(socketPath)) return reject()
      const onConnection = (socket: Socket) => lead(socket, (done) => connection.openssh_forwardOutStreamLocal(socketPath, done))
      listeners.add(`unix:${socketPath}`, { path: socketPath }, onConnection, (port) => (port === null ? reject() : accept()))
    },
    'cancel-streamlocal-forward@openssh.com': ({ socketPath = '' }, accept, reject) => {
      if (!listeners.remove(`unix:${socketPath}`)) return reject()
      rmSync(socketPath, { force: true })
      accept()
    },
  }
}

/** A number may come that no port has, and a name that the system's own functions throw at: where nobody would catch it. */
const isPort = (port: number): boolean => Number.isInteger(port) && port >= 0 && port <= 65_535
const isSocketPath = (path: string): boolean => path.startsWith('/') && !path.includes('\0')

/** It may be gone already, or lie where it is another's. */
function isForOwnerAlone(path: string): boolean {
  try {
    chmodSync(path, 0o600)
    return true
  } catch {
    return false
  }
}

interface Listeners {
  /** `done` is told the port, 0 of a socket with a path; null: it cannot be listened there. */
  add(name: string, options: ListenOptions, onConnection: (socket: Socket, port: number) => void, done: (port: number | null) => void): void
  remove(name: string): boolean
  close(): void
}

function createListeners(): Listeners {
  const servers = new Map<string, Server>()
  let over = false
  return {
    add(name, options, onConnection, done) {
      if (over || servers.size >= LISTENERS_MAX || (servers.has(name) && options.port !== 0)) return done(null)
      const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => onConnection(socket, portOf(server)))
      server.once('error', () => {
        if (servers.get(name) === server) servers.delete(name)
        done(null)
      })
      servers.set(name, server)
      server.listen(options, () => {
        if (over) return void server.close()
        if (options.path && !isForOwnerAlone(options.path)) {
          servers.delete(name)
          server.close()
          return done(null)
        }
        if (options.port === 0) {
          // Removed by its number, which is known only now.
          servers.delete(name)
          servers.set(`tcp:${portOf(server)}`, server)
        }
        done(portOf(server))
      })
    },
    remove(name) {
      servers.get(name)?.close()
      return servers.delete(name)
    },
    close() {
      over = true
      for (const server of servers.values()) server.close()
      servers.clear()
    },
  }
}

type OnRequest = (accept: Accept | undefined, reject: Reject | undefined, name: string, wanted: Wanted) => void

/** The types know a call for each name; what arrives is one call for all of them. */
function listenToAll(connection: { on(event: 'request', listener: OnRequest): unknown }, listener: OnRequest): void {
  connection.on('request', listener)
}

function portOf(server: Server): number {
  const address = server.address()
  return address !== null && typeof address === 'object' ? address.port : 0
}
