import type { Readable, Writable } from 'node:stream'

const WAITING_BYTES = 256 * 1024

/**
 * As `pipe` does it, for bytes in bulk: HTTP/2 hands out 16 KiB at a time, and each alone would cost a call of the system. The
 * first piece of a turn leaves at once, so that a key that was typed waits for nobody; what comes with it in the same turn
 * leaves together, and a little more may wait, so that neither side stands still for the other.
 */
export function pour(from: Readable, to: Writable, { end = true }: { readonly end?: boolean } = {}): void {
  const waitingMax = Math.max(WAITING_BYTES, to.writableHighWaterMark)
  let [busy, corked] = [false, false]
  const turnOver = () => {
    busy = false
    if (corked) to.uncork()
    corked = false
  }
  const goOn = () => from.resume()
  from.on('data', (chunk: Buffer) => {
    // Nobody is there any more: what still comes is dropped, as both sides know.
    if (to.destroyed || to.writableEnded) return
    if (!busy) setImmediate(turnOver)
    else if (!corked) {
      corked = true
      to.cork()
    }
    busy = true
    to.write(chunk)
    if (to.writableLength < waitingMax) return
    from.pause()
    to.once('drain', goOn)
  })
  if (end) from.once('end', () => to.end())
  // Of a socket that begins paused nobody would hear.
  from.resume()
}
