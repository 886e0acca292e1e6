import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import type { Clock } from '../kernel/clock.ts'
import type { Keys } from './ports.ts'

/**
 * One port for both: a connection that begins as TLS does becomes TLS, any other is answered as it is. kubectl shows no
 * token to a server without TLS, and agents and the command line on the same machine need none. Behind either door is one
 * HTTP server, so that every limit of it holds for both.
 */

export interface TlsDoor {
  /** What is shaken hands with from now on. */
  renew(keys: Keys): void
  /** Ends what has not become a connection of the server yet. */
  close(): void
}

/** Of whoever connects and says nothing, or never finishes shaking hands. */
const SILENCE_LIMIT_MS = 5_000
const HANDSHAKE = 0x16
const NO_TLS = 'HTTP/1.0 400 Bad Request\r\nconnection: close\r\n\r\nClient sent an HTTP request to an HTTPS server.\n'

export function addTlsDoor(server: Server, clock: Clock, keys: Keys, answersPlain: boolean): TlsDoor {
  const atTheDoor = new Map<string, Socket>()
  const serve = server.listeners('connection').map((listener) => (socket: Socket) => void Reflect.apply(listener, server, [socket]))
  const letIn = (socket: Socket) => {
    for (const each of serve) each(socket)
  }
  const tls = createTlsServer({ ...keys, minVersion: 'TLSv1.2', handshakeTimeout: SILENCE_LIMIT_MS, ALPNProtocols: ['http/1.1'] })
  tls.on('secureConnection', (socket) => {
    atTheDoor.delete(nameOf(socket))
    letIn(socket)
  })
  tls.on('tlsClientError', (_error, socket) => socket.destroy())
  server.removeAllListeners('connection')
  server.on('connection', (socket: Socket) => {
    const name = nameOf(socket)
    atTheDoor.set(name, socket)
    socket.on('close', () => atTheDoor.get(name) === socket && atTheDoor.delete(name))
    firstByte(socket, clock, (byte) => {
      if (byte === HANDSHAKE) return void tls.emit('connection', socket)
      atTheDoor.delete(name)
      if (answersPlain) return letIn(socket)
      socket.end(NO_TLS, () => socket.destroy())
    })
  })
  return {
    renew: (renewed) => tls.setSecureContext({ ...renewed, minVersion: 'TLSv1.2' }),
    close() {
      for (const socket of atTheDoor.values()) socket.destroy()
    },
  }
}

/** Of a connection, and of TLS upon it the same. */
const nameOf = ({ remoteAddress, remotePort, localAddress }: Socket): string => `${remoteAddress} ${remotePort} ${localAddress}`

/** Looks at it and puts it back. */
function firstByte(socket: Socket, clock: Clock, then: (byte: number) => void): void {
  const giveUp = () => void socket.destroy()
  const cancel = clock.after(SILENCE_LIMIT_MS, giveUp)
  const look = () => {
    const data: unknown = socket.read()
    if (!Buffer.isBuffer(data)) return
    done()
    socket.unshift(data)
    then(data[0] ?? 0)
  }
  const done = () => {
    cancel()
    socket.off('readable', look)
    socket.off('end', giveUp)
    socket.off('close', done)
  }
  // It may break while it is looked at: unheard, that would end this process. Later listeners hear it too.
  socket.on('error', giveUp)
  socket.on('readable', look)
  socket.on('end', giveUp)
  socket.on('close', done)
}
