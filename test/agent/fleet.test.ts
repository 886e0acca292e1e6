import { performServerHandshake } from 'node:http2'
import { setMaxListeners } from 'node:events'
import { expect, onTestFinished, test } from 'vitest'
import { dial } from '../../agent/link.ts'
import { PROTOCOL, SERVICES, type AgentHello } from '../../agent/protocol.ts'
import { systemClock } from '../../controller/kernel/clock.ts'
import { growthFromNow, heldHere } from '../support/memory.ts'
import { withDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'
import { startControlPlane } from './control-plane.ts'
import { makeAgent, rowOf, type Made } from './world.ts'

const { db } = await withDatabase()
setMaxListeners(0)

/** The least that answers a hello: what counts here is the control plane's side of a link. */
async function connectThinly(url: string, made: Made, runId: string): Promise<() => void> {
  const link = await dial({ url, agentId: made.id, token: made.token, clock: systemClock })
  const session = performServerHandshake(link)
  session.on('error', () => {})
  link.on('error', () => {})
  session.on('stream', (stream, headers) => {
    stream.on('error', () => {})
    const hello: AgentHello = { protocol: PROTOCOL, version: 'test', runId, pid: 1, lifecycle: 'Ready', message: '' }
    stream.respond({ ':status': 200 })
    if (headers[':path'] === SERVICES.hello) stream.end(JSON.stringify(hello))
  })
  return () => void link.destroy()
}

test('two hundred agents cost little, and are noted as gone when they go', async () => {
  const plane = await startControlPlane(db)
  onTestFinished(() => plane.close())
  const connected = async () => (await db.query('select 1 from agents where connected_at is not null')).length
  const agents = await Promise.all(Array.from({ length: 200 }, () => makeAgent(db)))
  const growth = await growthFromNow(heldHere())
  const leave: (() => void)[] = []
  // Each hello has its time, and both sides of all of them are in this process.
  for (let at = 0; at < agents.length; at += 20) {
    leave.push(...(await Promise.all(agents.slice(at, at + 20).map((made) => connectThinly(plane.url, made, 'run')))))
    await until('them to have said hello', async () => (await connected()) === leave.length)
  }
  await growth.isLessThan((200 * 400) / 1024)
  for (const each of leave) each()
  await until('all to be noted as gone', async () => (await db.query('select 1 from agents where disconnected_at is null')).length === 0)
  await until('none to be held', () => plane.connections.connected === 0)
})

test('an agent that connects again and again is connected in the end, whatever the order of what is written', async () => {
  const plane = await startControlPlane(db)
  onTestFinished(() => plane.close())
  const made = await makeAgent(db)
  for (let round = 0; round < 20; round += 1) {
    const leave = await connectThinly(plane.url, made, 'run')
    if (round % 2) leave()
  }
  await connectThinly(plane.url, made, 'run')
  await until('it to be connected', async () => {
    const row = await rowOf(db, made)
    return row.connectedAt !== null && row.disconnectedAt === null && plane.connections.connected === 1
  })
})

test('what a control plane wrote before it was killed is put right by the next one', async () => {
  const made = await makeAgent(db)
  await db.query(`update agents set connected_at = now(), last_seen_at = now(), replica = 'standalone' where id = $1`, [made.id])
  const plane = await startControlPlane(db)
  onTestFinished(() => plane.close())
  expect((await rowOf(db, made)).disconnectedAt).not.toBeNull()
})
