import { Duplex } from 'node:stream'
import type { MessageSocket } from './message-duplex.ts'

/** What we need beyond bytes: which messages are words. */
export interface WordSocket extends Omit<MessageSocket, 'send' | 'on'> {
  send(data: Uint8Array | string, options: { readonly binary: boolean }, done: (error?: Error | null) => void): void
  on(event: 'message', listener: (data: Buffer | ArrayBuffer | Buffer[], isBinary: boolean) => void): unknown
  on(event: 'close', listener: (code: number) => void): unknown
  on(event: 'error', listener: (error: Error) => void): unknown
}

/** The one word: whoever says it sends no more bytes, and still listens. */
export const NO_MORE = 'end'
const CLOSED_WELL = 1000
/** The other side bounds what a message may be. */
const MESSAGE_BYTES_MAX = 64 * 1024

/**
 * A WebSocket as a connection of which either direction ends by itself, as TCP's do. A WebSocket has no such thing, so its
 * end is a message of text. It is closed when both ends were said; closed otherwise it is an error, so that what was cut
 * short never looks complete.
 */
export function halfClosingDuplex(socket: WordSocket): Duplex {
  let [saidEnd, heardEnd] = [false, false]
  const closeWhenDone = () => {
    if (saidEnd && heardEnd) socket.close(CLOSED_WELL)
  }
  const duplex = new Duplex({
    allowHalfOpen: true,
    autoDestroy: true,
    emitClose: true,
    read: () => socket.resume(),
    write(chunk: Buffer, _encoding, done) {
      let from = 0
      for (; from + MESSAGE_BYTES_MAX < chunk.length; from += MESSAGE_BYTES_MAX)
        socket.send(chunk.subarray(from, from + MESSAGE_BYTES_MAX), { binary: true }, () => {})
      socket.send(chunk.subarray(from), { binary: true }, done)
    },
    final: (done) => {
      saidEnd = true
      socket.send(NO_MORE, { binary: false }, (error) => done(error ?? null))
      closeWhenDone()
    },
    destroy: (error, done) => {
      // Both ends were said: the closing handshake goes on by itself.
      if (error || !saidEnd || !heardEnd) socket.terminate()
      done(error)
    },
  })
  const end = () => {
    if (heardEnd) return
    heardEnd = true
    duplex.push(null)
    closeWhenDone()
  }
  socket.on('message', (data, isBinary) => {
    if (!isBinary) return String(data) === NO_MORE ? end() : duplex.destroy(new Error('a word that nobody knows'))
    if (heardEnd) return duplex.destroy(new Error('bytes after the end'))
    if (!duplex.push(bytesOf(data))) socket.pause()
  })
  socket.on('close', (code) => {
    if (!heardEnd || code !== CLOSED_WELL) duplex.destroy(new Error(`the WebSocket closed with ${code}`))
  })
  socket.on('error', (error) => duplex.destroy(error))
  return duplex
}

function bytesOf(data: Buffer | ArrayBuffer | Buffer[]): Buffer {
  if (Array.isArray(data)) return Buffer.concat(data)
  return data instanceof ArrayBuffer ? Buffer.from(data) : data
}
