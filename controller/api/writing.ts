import type { ServerResponse } from 'node:http'
import { within, type Clock } from '../kernel/clock.ts'

/** A client that reads nothing for so long is gone or broken; what it missed it can ask for again. */
const STALL_LIMIT_MS = 15_000

export class Stalled extends Error {}

/** Written, and read as far as needed for more. Throws `Stalled` where nobody reads. */
export async function write(response: ServerResponse, clock: Clock, data: string | Uint8Array): Promise<void> {
  if (response.destroyed || response.write(data)) return
  await within(clock, STALL_LIMIT_MS, writable(response), () => new Stalled('the client does not read'))
}

function writable(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      response.off('drain', done)
      response.off('close', done)
      resolve()
    }
    response.on('drain', done)
    response.on('close', done)
  })
}
