import { Server } from 'node:http'
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'

/** Loaded before a control plane: it answers a bare upgrade as a proxy does that knows WebSockets and nothing else, with no hop more. */

const REFUSED = 'HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n'
const emit = Server.prototype.emit

Server.prototype.emit = function (event: string | symbol, ...args: unknown[]): boolean {
  const [request, socket] = args as [IncomingMessage, Duplex]
  if (event !== 'upgrade' || request.headers.upgrade?.toLowerCase() === 'websocket') return Reflect.apply(emit, this, [event, ...args])
  socket.on('error', () => {})
  socket.end(REFUSED)
  return true
}
