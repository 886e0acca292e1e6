import { Duplex } from 'node:stream'

/**
 * A socket as a connection of which either direction says that it ends. A socket of a process that was killed ends as one
 * does whose sender is done; here each piece has its length in front, and only an empty piece is the end.
 */

const HEAD_BYTES = 4
const PIECE_BYTES_MAX = 1024 * 1024
/** More than a socket hands over at a time, or it would be stopped and started with every piece. */
const WAITING_BYTES = 256 * 1024
const CUT_SHORT = 'the connection was cut short'

export function framedDuplex(socket: Duplex): Duplex {
  let [saidEnd, heardEnd] = [false, false]
  const read = pieceReader()
  const closeWhenDone = () => {
    if (saidEnd && heardEnd) socket.end()
  }
  const take = (chunk: Buffer) => {
    for (const piece of read(chunk)) {
      if (heardEnd) return void duplex.destroy(new Error('bytes after the end'))
      if (piece === null) {
        heardEnd = true
        duplex.push(null)
        closeWhenDone()
      } else if (!duplex.push(piece)) socket.pause()
    }
  }
  const duplex: Duplex = new Duplex({
    allowHalfOpen: true,
    autoDestroy: true,
    emitClose: true,
    readableHighWaterMark: WAITING_BYTES,
    writableHighWaterMark: WAITING_BYTES,
    read: () => void socket.resume(),
    writev(written, done) {
      const pieces = piecesOf(written.map(({ chunk }: { chunk: Buffer }) => chunk))
      const parts = pieces.flatMap((piece) => [[head(lengthOf(piece))], piece].flat())
      if (parts.length === 0) return done()
      socket.cork()
      for (const [i, part] of parts.entries()) socket.write(part, i === parts.length - 1 ? done : undefined)
      socket.uncork()
    },
    final(done) {
      saidEnd = true
      socket.write(head(0), (error) => done(error ?? null))
      closeWhenDone()
    },
    destroy(error, done) {
      // Both ends were said: what is still in the socket may leave it.
      if (error || !saidEnd || !heardEnd) socket.destroy()
      done(error)
    },
  })
  socket.on('data', (chunk: Buffer) => {
    try {
      take(chunk)
    } catch (error) {
      duplex.destroy(error instanceof Error ? error : new Error(String(error)))
    }
  })
  const cut = () => {
    if (!heardEnd) duplex.destroy(new Error(CUT_SHORT))
  }
  socket.on('end', cut)
  socket.on('close', () => {
    if (!heardEnd || !saidEnd) duplex.destroy(new Error(CUT_SHORT))
  })
  socket.on('error', (error) => duplex.destroy(error))
  return duplex
}

/** What was written together is one piece, where that is not too long for one. */
function piecesOf(chunks: readonly Buffer[]): readonly (readonly Buffer[])[] {
  if (lengthOf(chunks) <= PIECE_BYTES_MAX) return lengthOf(chunks) === 0 ? [] : [chunks]
  return chunks.flatMap((chunk) =>
    Array.from({ length: Math.ceil(chunk.length / PIECE_BYTES_MAX) }, (_, i) => [
      chunk.subarray(i * PIECE_BYTES_MAX, (i + 1) * PIECE_BYTES_MAX),
    ]),
  )
}

const lengthOf = (chunks: readonly Buffer[]): number => chunks.reduce((sum, { length }) => sum + length, 0)

function head(length: number): Buffer {
  const bytes = Buffer.allocUnsafe(HEAD_BYTES)
  bytes.writeUInt32BE(length)
  return bytes
}

/** Pieces as they come, in part or whole, without a copy; null is the end. Throws at one that is larger than any may be. */
function pieceReader(): (chunk: Buffer) => Iterable<Buffer | null> {
  let started = Buffer.alloc(0)
  let missing = 0
  return function* pieces(chunk) {
    let rest = chunk
    while (rest.length > 0) {
      if (missing > 0) {
        const part = rest.subarray(0, missing)
        missing -= part.length
        rest = rest.subarray(part.length)
        yield part
        continue
      }
      const wanted = HEAD_BYTES - started.length
      started = Buffer.concat([started, rest.subarray(0, wanted)])
      rest = rest.subarray(wanted)
      if (started.length < HEAD_BYTES) return
      missing = started.readUInt32BE()
      started = Buffer.alloc(0)
      if (missing === 0) yield null
      if (missing > PIECE_BYTES_MAX) throw new RangeError('a piece of this length is none')
    }
  }
}
