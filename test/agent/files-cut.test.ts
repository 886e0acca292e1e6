import { randomBytes } from 'node:crypto'
import { readdirSync, readlinkSync, writeFileSync } from 'node:fs'
import { createServer, request, type IncomingMessage } from 'node:http'
import { performServerHandshake } from 'node:http2'
import { join } from 'node:path'
import { text as textOf } from 'node:stream/consumers'
import { afterAll, expect, onTestFinished, test } from 'vitest'
import { dial } from '../../agent/link.ts'
import { PROTOCOL, SERVICES, type AgentHello } from '../../agent/protocol.ts'
import { answerRefused, refusedBy } from '../../controller/api/answer.ts'
import { filesQuery } from '../../controller/connect/files-query.ts'
import { systemClock } from '../../controller/kernel/clock.ts'
import { withDatabase } from '../support/postgres.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { until } from '../support/until.ts'
import { startControlPlane } from './control-plane.ts'
import { makeAgent, reached, startAgent, type Made } from './world.ts'

/** Whose agent is lost while its files are on their way has half of them, and is told so. */

const { db } = await withDatabase()
const plane = await startControlPlane(db)
afterAll(() => plane.close())

/** The files of a workspace over HTTP. Of its sockets the system takes little: what nobody reads stays with the control plane. */
async function served({ workspace }: Made): Promise<(query: string) => Promise<IncomingMessage>> {
  const subject = { uid: workspace, namespace: 'default', name: workspace }
  const server = createServer((asked, response) => {
    const query = new URL(asked.url ?? '', 'http://x').searchParams
    plane.connections
      .files({ subject, agentName: null, actor: 'ada', asked: filesQuery('GET', query) }, asked, response)
      .catch((error: unknown) => (response.headersSent ? response.destroy() : answerRefused(response, refusedBy(error, 'test'))))
  })
  const socketPath = join(temporaryFolder(), 'api.sock')
  await new Promise<void>((listening) => server.listen(socketPath, listening))
  onTestFinished(() => {
    server.close()
    server.closeAllConnections()
  })
  return (query) =>
    new Promise((resolve, reject) => {
      request({ socketPath, path: `/?${query}`, agent: false }, resolve)
        .on('error', reject)
        .end()
    })
}

test('a file whose end had come, but not all that is before it, does not look complete when the agent is lost', async () => {
  const made = await makeAgent(db)
  const agent = startAgent(made, plane.url)
  await reached(db, made, 'Ready')
  const file = join(agent.home, 'large.bin')
  writeFileSync(file, randomBytes(900_000))
  const asked = await served(made)
  const answer = await asked('op=read&path=large.bin')
  answer.socket.pause()
  const isOpen = () => readdirSync(`/proc/${agent.pid}/fd`).some((fd) => leadsTo(`/proc/${agent.pid}/fd/${fd}`) === file)
  await until('the agent to have said it all', () => !isOpen())
  // What it answers now comes behind the end of the file.
  expect((await asked('op=stat&path=large.bin')).resume().statusCode).toBe(200)
  const over = new Promise((resolve) => answer.on('close', resolve))
  let bytes = 0
  answer.on('data', (part: Buffer) => (bytes += part.length)).on('error', () => {})
  answer.socket.pause()
  plane.connections.cut(made.id)
  await until('it to be cut', () => plane.connections.connected === 0)
  answer.socket.resume()
  await over
  expect(bytes).toBeLessThan(900_000)
  expect({ complete: answer.complete, trailers: { ...answer.trailers } }).toEqual({ complete: false, trailers: {} })
})

test('an answer in words that is longer than any may be is refused, and not given as far as it came', async () => {
  const made = await makeAgent(db)
  const link = await dial({ url: plane.url, agentId: made.id, token: made.token, clock: systemClock })
  onTestFinished(() => void link.destroy())
  const hello: AgentHello = { protocol: PROTOCOL, version: 'test', runId: 'run', pid: 1, lifecycle: 'Ready', message: '' }
  performServerHandshake(link)
    .on('error', () => {})
    .on('stream', (stream, headers) => {
      stream.on('error', () => {})
      stream.respond({ ':status': 200 })
      if (headers[':path'] === SERVICES.hello) stream.end(JSON.stringify(hello))
      const more = () => {
        while (!stream.destroyed && stream.write(Buffer.alloc(64 * 1024, 0x20))) continue
        if (!stream.destroyed) stream.once('drain', more)
      }
      if (headers[':path'] === SERVICES.files) more()
    })
  await reached(db, made, 'Ready')
  const answer = await (await served(made))('op=list&path=')
  const said = await textOf(answer)
  expect([answer.statusCode, said.slice(0, 200)]).toEqual([409, expect.stringContaining('more than 16 MiB')])
})

function leadsTo(link: string): string {
  try {
    return readlinkSync(link)
  } catch {
    return ''
  }
}
