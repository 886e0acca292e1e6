import { Duplex } from 'node:stream'

/** What we need of a WebSocket, by shape: the kernel knows no library. */
export interface MessageSocket {
  send(data: Uint8Array, options: { readonly binary: boolean }, done: (error?: Error | null) => void): void
  pause(): void
  resume(): void
  close(code?: number): void
  terminate(): void
  on(event: 'message', listener: (data: Buffer | ArrayBuffer | Buffer[]) => void): unknown
  on(event: 'close', listener: (code: number) => void): unknown
  on(event: 'error', listener: (error: Error) => void): unknown
}

const CLOSED_WELL = 1000

/**
 * A WebSocket as a stream of bytes. A lost socket must be an error and never an end of file: HTTP/2 on top would call a
 * truncated transfer complete. The library's own stream adaptor does not notice when the other side is killed.
 */
export function messageDuplex(socket: MessageSocket): Duplex {
  const duplex = new Duplex({
    autoDestroy: true,
    emitClose: true,
    read: () => socket.resume(),
    write: (chunk: Buffer, _encoding, done) => socket.send(chunk, { binary: true }, done),
    final: (done) => {
      socket.close(CLOSED_WELL)
      done()
    },
    destroy: (error, done) => {
      socket.terminate()
      done(error)
    },
  })
  socket.on('message', (data) => {
    if (!duplex.push(bytesOf(data))) socket.pause()
  })
  socket.on('close', (code) => {
    if (code === CLOSED_WELL) duplex.push(null)
    else duplex.destroy(new Error(`the WebSocket closed with ${code}`))
  })
  socket.on('error', (error) => duplex.destroy(error))
  return duplex
}

function bytesOf(data: Buffer | ArrayBuffer | Buffer[]): Buffer {
  if (Array.isArray(data)) return Buffer.concat(data)
  return data instanceof ArrayBuffer ? Buffer.from(data) : data
}
