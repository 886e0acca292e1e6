import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { IncomingMessage } from 'node:http'
import { performServerHandshake, type IncomingHttpHeaders } from 'node:http2'
import { connect, createServer, Socket, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll, expect, onTestFinished, test } from 'vitest'
import { HEADER_FILES, SERVICES } from '../../agent/protocol.ts'
import { systemClock } from '../../controller/kernel/clock.ts'
import { abandon, createLink } from '../../controller/connect/link.ts'
import { withDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'
import { enter, said, sshClient } from '../ssh/person.ts'
import { startControlPlane, type ControlPlane } from './control-plane.ts'
import { makeAgent, reached, startAgent, type Made } from './world.ts'

/** People who go before they have come in: nothing of them stays, and nobody is refused because of them. */

test('a stream that is abandoned with bytes that nobody read is over', async () => {
  const server = createServer((socket) => {
    const session = performServerHandshake(socket)
    session.on('error', () => {})
    session.on('stream', (stream) => {
      stream.on('error', () => {})
      stream.respond({ ':status': 200 })
      stream.write('SSH-2.0-somebody\r\n')
    })
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  onTestFinished(() => void server.close())
  const link = createLink(connect((server.address() as AddressInfo).port, '127.0.0.1'), systemClock)
  onTestFinished(() => link.cut('the test ends'))
  const stream = link.open('/ssh')
  stream.pause()
  await once(stream, 'response')
  await until('bytes to be there', () => stream.readableLength > 0)
  abandon(stream)
  await until('it to be over', () => link.streams === 0)
})

const filesOf = (plane: ControlPlane, { id }: Made, op: 'watch' | 'stat', path: string) => {
  const asked = { op, path, root: '', to: '', offset: 0, length: null, mode: null, mtimeMs: null, recursive: false }
  return plane.connections.openStream(id, SERVICES.files, { [HEADER_FILES]: encodeURIComponent(JSON.stringify(asked)) })
}

test('a folder of which nobody wants to know any more when it was found is not watched', async () => {
  const { db } = await withDatabase()
  const plane = await startControlPlane(db)
  afterAll(() => plane.close())
  const made = await makeAgent(db)
  const agent = startAgent(made, plane.url)
  await reached(db, made, 'Ready')
  const handles = () => readdirSync(`/proc/${agent.pid}/fd`).length
  const watch = (op: 'watch' | 'stat') => filesOf(plane, made, op, '')
  const before = handles()
  for (let times = 0; times < 200; times += 1) {
    const stream = await watch('watch')
    // It is on its way by then, and is over while the agent looks for the folder.
    await new Promise((turn) => (times % 2 ? setImmediate(turn) : setTimeout(turn, 1)))
    abandon(stream)
    await once(stream, 'close')
  }
  await once((await watch('stat')).end(), 'response')
  await until('every handle to be closed', () => handles() <= before + 2)
})

test('a pipe that nobody writes into is watched as anything else: nobody waits for it to be opened', async () => {
  const { db } = await withDatabase()
  const plane = await startControlPlane(db)
  onTestFinished(() => plane.close())
  const made = await makeAgent(db)
  const agent = startAgent(made, plane.url)
  await reached(db, made, 'Ready')
  execFileSync('mkfifo', [join(agent.home, 'pipe')])
  const stream = (await filesOf(plane, made, 'watch', 'pipe')).end()
  const [headers] = (await once(stream, 'response')) as [IncomingHttpHeaders]
  expect(headers[':status']).toBe(200)
  abandon(stream)
})

test('connections that were closed while their workspace was looked up are not counted', async () => {
  const { db } = await withDatabase()
  const plane = await startControlPlane(db)
  afterAll(() => plane.close())
  const made = await makeAgent(db)
  startAgent(made, plane.url)
  await reached(db, made, 'Ready')
  const subject = { uid: made.workspace, namespace: 'default', name: made.workspace }
  for (let times = 0; times < 1000; times += 1) {
    const socket = new Socket()
    socket.destroy()
    await once(socket, 'close')
    const target = { subject, agentName: null, actor: 'ada', service: 'ssh' as const, query: new URLSearchParams() }
    plane.connections.enter(target, new IncomingMessage(socket), socket, Buffer.alloc(0))
  }
  const client = await sshClient(await enter(plane.url, made, 'ssh'))
  expect(await said(client, 'echo in')).toBe('in\n')
  client.end()
})
