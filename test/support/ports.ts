import { createServer } from 'node:net'

/**
 * A port for what must be told its own before it listens, or must listen there again after it was gone. It is below those that the
 * system gives to whoever asks for any, of a range of this worker's: nobody else is given it in between.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    next = (next + 1) % PORTS
    const port = FIRST + Number(process.env['VITEST_POOL_ID'] ?? 0) * PORTS + next
    if (await isFree(port)) return port
  }
}

const FIRST = 20_000
const PORTS = 1000
/** Files of one worker follow each other as processes of their own: not all of them begin with the same one. */
let next = process.pid % PORTS

const isFree = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
