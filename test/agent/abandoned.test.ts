import { once } from 'node:events'
import { IncomingMessage } from 'node:http'
import { performServerHandshake } from 'node:http2'
import { connect, createServer, Socket, type AddressInfo } from 'node:net'
import { afterAll, expect, onTestFinished, test } from 'vitest'
import { systemClock } from '../../controller/kernel/clock.ts'
import { abandon, createLink } from '../../controller/connect/link.ts'
import { withDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'
import { enter, said, sshClient } from '../ssh/person.ts'
import { startControlPlane } from './control-plane.ts'
import { makeAgent, reached, startAgent } from './world.ts'

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
