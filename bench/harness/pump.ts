import { createInterface } from 'node:readline'
import { connect, createServer, type Socket } from 'node:net'

/**
 * Both ends of a measurement, each a process: `node pump.ts target` listens and prints its port; `node pump.ts load` makes
 * what each line of its input asks for, and answers how long that took. They are the same for every way in between.
 */

const PIECE = Buffer.alloc(64 * 1024, 'x')
const HEAD_BYTES = 9
const OPS = { up: 'u', down: 'd', echo: 'e' } as const

export interface Load {
  readonly port: number
  readonly op: 'up' | 'down'
  readonly streams: number
  /** By each. */
  readonly bytes: number
}

function target(): void {
  const server = createServer({ noDelay: true, allowHalfOpen: true }, (socket) => {
    socket.on('error', () => {})
    let head = Buffer.alloc(0)
    const read = (data: Buffer) => {
      head = Buffer.concat([head, data])
      if (head.length < HEAD_BYTES) return
      socket.off('data', read)
      serve(socket, head.toString('latin1', 0, 1), Number(head.readBigUInt64BE(1)))
      socket.write('r')
    }
    socket.on('data', read)
  })
  server.listen(0, '127.0.0.1', () => {
    const address = server.address()
    process.stdout.write(`${typeof address === 'object' ? address?.port : ''}\n`)
  })
}

function serve(socket: Socket, op: string, bytes: number): void {
  if (op === OPS.echo) return void socket.pipe(socket)
  if (op === OPS.down) return void socket.once('data', () => send(socket, bytes))
  let left = bytes
  socket.on('data', (data) => {
    left -= data.length
    if (left === 0) socket.write('k')
  })
}

function send(socket: Socket, bytes: number): void {
  let left = bytes
  const more = () => {
    while (left > 0 && !socket.destroyed) {
      const piece = left >= PIECE.length ? PIECE : PIECE.subarray(0, left)
      left -= piece.length
      if (!socket.write(piece)) return void socket.once('drain', more)
    }
  }
  more()
}

/** Dialled and answered by the target, so that what is timed are bytes. */
function ready({ port, op, bytes }: Load): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  const head = Buffer.alloc(HEAD_BYTES)
  head.write(OPS[op], 'latin1')
  head.writeBigUInt64BE(BigInt(bytes), 1)
  socket.write(head)
  return new Promise((resolve, reject) => {
    socket.once('data', () => resolve(socket))
    socket.once('error', reject)
    socket.once('close', () => reject(new Error('the connection was closed before the target answered')))
  })
}

function moved(socket: Socket, { op, bytes }: Load): Promise<void> {
  let left = op === 'up' ? 1 : bytes
  return new Promise((resolve, reject) => {
    socket.on('data', (data) => {
      left -= data.length
      if (left === 0) resolve()
    })
    socket.once('error', reject)
    socket.once('close', () => reject(new Error(`the connection was closed with ${left} bytes to come`)))
    if (op === 'up') send(socket, bytes)
    else socket.write('g')
  })
}

async function made(load: Load): Promise<number> {
  const sockets = await Promise.all(Array.from({ length: load.streams }, () => ready(load)))
  const startedAt = performance.now()
  await Promise.all(sockets.map((socket) => moved(socket, load)))
  const tookMs = performance.now() - startedAt
  for (const socket of sockets) socket.destroy()
  return tookMs
}

async function loads(): Promise<void> {
  for await (const line of createInterface({ input: process.stdin })) {
    const load: Load = JSON.parse(line)
    const said = await made(load).then(
      (ms) => ({ ms }),
      (error: unknown) => ({ error: String(error) }),
    )
    process.stdout.write(`${JSON.stringify(said)}\n`)
  }
}

if (process.argv[2] === 'target') target()
else if (process.argv[2] === 'load') await loads()
