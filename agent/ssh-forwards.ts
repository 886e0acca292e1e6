import { connect } from 'node:net'
import { join, type ForwardPorts } from './ssh-forwarded.ts'
import type { Connection, ServerChannel } from './ssh-library.ts'
import { serveListeners } from './ssh-listeners.ts'

/** Ports and sockets that lead through the connection: -L and -D one way, -R the other. */

const DIAL_LIMIT_MS = 30_000

export function serveForwards(connection: Connection, ports: ForwardPorts): void {
  const dial = (
    options: { readonly host: string; readonly port: number } | { readonly path: string },
    accept: () => ServerChannel | undefined,
    reject: () => void,
  ) => {
    if (!isThere(options) || !ports.takeChannel()) return reject()
    let answered = false
    const socket = connect({ ...options, allowHalfOpen: true, timeout: DIAL_LIMIT_MS })
    const refuse = () => {
      if (answered) return
      answered = true
      ports.giveChannel()
      socket.destroy()
      if (ports.transport.alive) reject()
    }
    socket.on('error', refuse)
    socket.on('timeout', refuse)
    socket.on('connect', () => {
      socket.setTimeout(0)
      if (answered) return
      answered = true
      const channel = ports.transport.alive ? accept() : undefined
      if (channel) join(channel, socket, ports)
      else socket.destroy()
    })
  }
  connection.on('tcpip', (accept, reject, { destIP, destPort }) => dial({ host: destIP, port: destPort }, accept, reject))
  connection.on('openssh.streamlocal', (accept, reject, { socketPath }) => dial({ path: socketPath }, accept, reject))
  serveListeners(connection, ports)
}

/** What the system's own functions throw at, instead of saying that nobody answers. */
function isThere(options: { readonly port: number } | { readonly path: string }): boolean {
  if ('path' in options) return options.path.startsWith('/') && !options.path.includes('\0')
  return options.port > 0 && options.port <= 65_535
}
