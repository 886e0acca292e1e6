import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { WebSocket, WebSocketServer } from 'ws'

/**
 * The least that a process between two others can do, as the rival: `node relay.ts KIND PORT` passes what comes on to a port
 * here, and prints its own. `tcp` is a pipe, to several ports if need be; of WebSockets, `enter` makes one of a socket, X `stdio` listens on nothing: it is the ProxyCommand of an ssh client.
 */

const [, , kind = '', target = '', relay = ''] = process.argv
const OPTIONS = { perMessageDeflate: false, skipUTF8Validation: true }
/** Dialled ahead, so that nobody waits for a dial; more than are ever measured at a time. */
const SPARE = 64
const AGENT_PATH = '/agent'
const BUFFERED_MAX = 1024 * 1024

function joined(a: Socket, b: Socket): void {
  a.pipe(b)
  b.pipe(a)
  eitherEnds(a, b)
}

function eitherEnds(a: Socket, b: Socket): void {
  for (const [one, other] of [
    [a, b],
    [b, a],
  ] as const) {
    one.on('error', () => {})
    one.on('close', () => other.destroy())
  }
}

const dialled = (port = target): Socket => connect({ port: Number(port), host: '127.0.0.1', noDelay: true })
const dialledWs = (port: string, path: string): WebSocket => new WebSocket(`ws://127.0.0.1:${port}${path}`, OPTIONS)

/** Held back where more waits than anybody takes. */
function sent(from: { pause(): unknown; resume(): unknown }, to: WebSocket, data: Buffer): void {
  to.send(data, { binary: true }, () => {
    if (to.bufferedAmount < BUFFERED_MAX) from.resume()
  })
  if (to.bufferedAmount >= BUFFERED_MAX) from.pause()
}

const whenOpen = (ws: WebSocket, then: () => void): void => (ws.readyState === ws.OPEN ? then() : void ws.once('open', then))

function socketAndWs(socket: Socket, ws: WebSocket): void {
  socket.pause()
  socket.on('data', (data: Buffer) => sent(socket, ws, data))
  ws.on('message', (data: Buffer) => {
    if (socket.write(data)) return
    ws.pause()
    socket.once('drain', () => ws.resume())
  })
  socket.on('error', () => {})
  ws.on('error', () => {})
  socket.on('close', () => ws.terminate())
  ws.on('close', () => socket.destroy())
  whenOpen(ws, () => socket.resume())
}

function wsAndWs(a: WebSocket, b: WebSocket): void {
  a.pause()
  for (const [one, other] of [
    [a, b],
    [b, a],
  ] as const) {
    one.on('message', (data: Buffer) => sent(one, other, data))
    one.on('error', () => {})
    one.on('close', () => other.terminate())
  }
  whenOpen(b, () => a.resume())
}

const KINDS: Readonly<Record<string, () => Server | WebSocketServer>> = {
  enter: () => createServer({ noDelay: true }, (socket) => socketAndWs(socket, dialledWs(target, ''))).listen(0, '127.0.0.1', told),
  middle: () => {
    const spare: WebSocket[] = []
    return new WebSocketServer({ ...OPTIONS, port: 0, host: '127.0.0.1' }, told).on('connection', (ws, { url }) => {
      if (url === AGENT_PATH) return void spare.push(ws)
      const agent = spare.pop()
      if (!agent) return ws.terminate()
      agent.send('begin')
      wsAndWs(ws, agent)
    })
  },
}

const listening = KINDS[kind]?.()

function told(): void {
  const address = listening?.address()
  process.stdout.write(`${typeof address === 'object' ? address?.port : ''}\n`)
}

if (kind === 'tcp') {
  const servers = process.argv.slice(3).map((port) => createServer({ noDelay: true }, (socket) => joined(socket, dialled(port))))
  const ports = servers.map(async (server) => {
    await once(server.listen(0, '127.0.0.1'), 'listening')
    const address = server.address()
    return typeof address === 'object' ? address?.port : ''
  })
  process.stdout.write(`${(await Promise.all(ports)).join(' ')}\n`)
}

if (kind === 'leave') {
  let waiting = SPARE
  for (let i = 0; i < SPARE; i += 1) spareOne(() => (waiting -= 1) === 0 && process.stdout.write(`${relay}\n`))
}

/** The first message is the relay's word that somebody is there; another takes its place. */
function spareOne(onOpen: () => unknown): void {
  const ws = dialledWs(relay, AGENT_PATH)
  ws.once('open', onOpen)
  ws.once('message', () => {
    socketAndWs(dialled(), ws)
    spareOne(() => {})
  })
}

if (kind === 'stdio') {
  const socket = dialled()
  socket.on('error', () => process.exit(1)).on('close', () => process.exit())
  process.stdin.pipe(socket)
  socket.pipe(process.stdout)
}
