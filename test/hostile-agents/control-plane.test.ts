import { createServer, type IncomingMessage } from 'node:http'
import { connect as connectH2, type ClientHttp2Session } from 'node:http2'
import type { Socket } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { PROTOCOL, RAW_UPGRADE, SERVICES } from '../../agent/protocol.ts'
import { startControlPlane } from '../agent/control-plane.ts'
import { person } from '../agent/person.ts'
import { makeAgent, reached, startAgent } from '../agent/world.ts'
import { freePort } from '../support/ports.ts'
import { withDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'
import { h2Frame, PING, pour, SETTINGS } from './peer.ts'

/** The real agent, dialled into by a control plane that is none; then a real one comes, and finds the same run of it. */

const { db } = await withDatabase()

interface Hostile {
  readonly port: number
  readonly dials: () => number
  close(): Promise<void>
}

async function hostile(attack: (socket: Socket, request: IncomingMessage) => unknown): Promise<Hostile> {
  const server = createServer()
  const sockets = new Set<Socket>()
  let dials = 0
  server.on('upgrade', (request, socket: Socket) => {
    dials += 1
    sockets.add(socket)
    socket.on('error', () => {})
    attack(socket, request)
  })
  const port = await freePort()
  await new Promise<void>((listening) => server.listen(port, '127.0.0.1', listening))
  const close = () =>
    new Promise<void>((resolve) => {
      for (const socket of sockets) socket.destroy()
      server.close(() => resolve())
      server.closeAllConnections()
    })
  onTestFinished(close)
  return { port, dials: () => dials, close }
}

const upgraded = (socket: Socket): Socket => {
  socket.write(`HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: ${RAW_UPGRADE}\r\n\r\n`)
  return socket.resume()
}

function client(socket: Socket): ClientHttp2Session {
  upgraded(socket)
  const session = connectH2('http://agent', { createConnection: () => socket })
  session.on('error', () => {})
  session.setMaxListeners(0)
  return session
}

const MANIFEST = { scripts: [], env: {}, dir: '', metadata: [], apps: [], sshHostKey: '' }

function post(session: ClientHttp2Session, path: string, body: unknown): Promise<number> {
  return new Promise((resolve) => {
    const stream = session.request({ ':method': 'POST', ':path': path })
    stream.on('response', (headers) => resolve(Number(headers[':status'])))
    stream.on('error', () => {})
    stream.on('close', () => resolve(0))
    stream.resume().end(typeof body === 'string' ? body : JSON.stringify(body))
  })
}

const PREFACE = Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), SETTINGS])

const ATTACKS: readonly (readonly [string, (socket: Socket) => unknown])[] = [
  ['garbage', (socket) => upgraded(socket).write(Buffer.alloc(64 * 1024, 0xa5))],
  [
    'frames longer than any may be',
    (socket) => upgraded(socket).write(Buffer.concat([PREFACE, Buffer.from([0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 1])])),
  ],
  [
    'a flood of pings',
    (socket) => pour(upgraded(socket), Buffer.concat([PREFACE, ...Array.from({ length: 500 }, () => PING)]), 64 * 1024 ** 2),
  ],
  [
    'headers without end',
    (socket) => pour(upgraded(socket), Buffer.concat([PREFACE, h2Frame(1, 0, 1, Buffer.alloc(16_000, 0x40))]), 1024 ** 2),
  ],
  [
    'an answer that is no upgrade, without end',
    (socket) => pour(socket, Buffer.from(`HTTP/1.1 500 No\r\n\r\n${'x'.repeat(60_000)}`), 256 * 1024 ** 2),
  ],
  [
    'an upgrade to something else',
    (socket) => socket.end('HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: other\r\n\r\nhello'),
  ],
  [
    "a refusal that is not the control plane's",
    (socket) => socket.end('HTTP/1.1 403 Forbidden\r\ncontent-length: 9\r\nconnection: close\r\n\r\nno entry\n'),
  ],
  [
    'streams that are cancelled at once, by the thousand',
    async (socket) => {
      const session = client(socket)
      for (let round = 0; round < 5000 && !session.destroyed; round += 1) {
        const stream = session.request({ ':method': 'POST', ':path': round % 2 ? SERVICES.exec : SERVICES.hello })
        stream.on('error', () => {})
        stream.close(8)
        if (round % 100 === 0) await new Promise((next) => setImmediate(next))
      }
      socket.destroy()
    },
  ],
  [
    'messages that are none, of every service',
    async (socket) => {
      const session = client(socket)
      for (const path of [
        ...Object.values(SERVICES).filter((each) => each !== SERVICES.shutdown),
        '/nothing',
        '/',
        '/__proto__',
        '/constructor',
      ])
        for (const body of ['', '{', 'null', '[]', '{"id":1}', 'x'.repeat(6 * 1024 * 1024)])
          await Promise.race([
            post(session, path, body),
            new Promise((resolve) => session.once('close', resolve)),
            new Promise((r) => setImmediate(() => setImmediate(r))),
          ])
      socket.destroy()
    },
  ],
]

test.each(ATTACKS)('%s: the agent goes on, and serves the next one', async (_name, attack) => {
  const made = await makeAgent(db)
  const bad = await hostile(attack)
  const agent = startAgent(made, `http://127.0.0.1:${bad.port}`)
  await until('the agent to have come back', () => bad.dials() >= 2)
  await bad.close()
  const plane = await startControlPlane(db, bad.port)
  onTestFinished(() => plane.close())
  await reached(db, made, 'Ready')
  const someone = person(plane.url, made, ['sh', '-c', 'echo $PPID'], { input: '' })
  expect({ code: await someone.code, agent: Number(someone.stdout()) }).toEqual({ code: 0, agent: agent.pid })
})

test('a service that this agent does not know is answered, and the link goes on', async () => {
  const made = await makeAgent(db)
  const answers: number[] = []
  const newer = await hostile(async (socket) => {
    const session = client(socket)
    answers.push(
      await post(session, SERVICES.hello, { protocol: '1.99', complete: true, more: { of: 'it' }, manifest: { ...MANIFEST, dreams: [1] } }),
    )
    answers.push(await post(session, '/of-a-later-version', {}))
    answers.push(await post(session, SERVICES.hello, { protocol: '1.0', manifest: { scripts: [], env: {}, dir: '' } }))
  })
  startAgent(made, `http://127.0.0.1:${newer.port}`)
  await until('three answers', () => answers.length === 3)
  expect({ answers, dials: newer.dials(), protocol: PROTOCOL.startsWith('1.') }).toEqual({
    answers: [200, 404, 200],
    dials: 1,
    protocol: true,
  })
})
