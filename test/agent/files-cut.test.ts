import { randomBytes } from 'node:crypto'
import { readdirSync, readlinkSync, writeFileSync } from 'node:fs'
import { createServer, request, type IncomingMessage } from 'node:http'
import { join } from 'node:path'
import { afterAll, expect, onTestFinished, test } from 'vitest'
import { answerRefused, refusedBy } from '../../controller/api/answer.ts'
import { filesQuery } from '../../controller/connect/files-query.ts'
import { withDatabase } from '../support/postgres.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { until } from '../support/until.ts'
import { startControlPlane } from './control-plane.ts'
import { makeAgent, reached, startAgent } from './world.ts'

/** Whose agent is lost while its files are on their way has half of them, and is told so. */

const { db } = await withDatabase()
const plane = await startControlPlane(db)
afterAll(() => plane.close())

test('a file whose end had come, but not all that is before it, does not look complete when the agent is lost', async () => {
  const made = await makeAgent(db)
  const agent = startAgent(made, plane.url)
  await reached(db, made, 'Ready')
  const file = join(agent.home, 'large.bin')
  writeFileSync(file, randomBytes(900_000))
  const subject = { uid: made.workspace, namespace: 'default', name: made.workspace }
  const server = createServer((asked, response) => {
    const query = new URL(asked.url ?? '', 'http://x').searchParams
    plane.connections
      .files({ subject, agentName: null, actor: 'ada', asked: filesQuery('GET', query) }, asked, response)
      .catch((error: unknown) => (response.headersSent ? response.destroy() : answerRefused(response, refusedBy(error, 'test'))))
  })
  // Of its sockets the system takes little: what nobody reads stays with the control plane.
  const socketPath = join(temporaryFolder(), 'api.sock')
  await new Promise<void>((listening) => server.listen(socketPath, listening))
  onTestFinished(() => {
    server.close()
    server.closeAllConnections()
  })
  const asked = (query: string) =>
    new Promise<IncomingMessage>((resolve, reject) => {
      request({ socketPath, path: `/?${query}`, agent: false }, resolve)
        .on('error', reject)
        .end()
    })
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

function leadsTo(link: string): string {
  try {
    return readlinkSync(link)
  } catch {
    return ''
  }
}
