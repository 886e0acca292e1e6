import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import { expect, onTestFinished, test } from 'vitest'
import { FRAME, jsonFrame, SERVICES } from '../../agent/protocol.ts'
import { openPeers } from '../../controller/connect/peers.ts'
import { systemClock } from '../../controller/kernel/clock.ts'
import { silentLog } from '../../controller/kernel/log.ts'
import { withDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'
import { startControlPlane } from './control-plane.ts'
import { person } from './person.ts'
import { makeAgent, reached, startAgent } from './world.ts'

/** Two control planes on one database: whoever comes to one reaches agents of the other. */

const { db } = await withDatabase()
const keyOf = (secret: string) => createHash('sha256').update(secret).digest()

async function replica(name: string, secret = 'of one state') {
  const peering = { host: '127.0.0.1', port: 0, key: keyOf(secret) }
  const plane = await startControlPlane(db, 0, () => null, { replica: name, peering })
  let closed = false
  const close = async () => {
    if (!closed) await plane.close()
    closed = true
  }
  onTestFinished(close)
  return { ...plane, close }
}

async function twoReplicas(secretOfTheOther?: string) {
  const [holder, other] = [await replica('holder'), await replica('other', secretOfTheOther)]
  const made = await makeAgent(db)
  const agent = startAgent(made, holder.url)
  await reached(db, made, 'Ready')
  return { holder, other, made, agent }
}

test('a command runs in a workspace whose agent is connected to another replica', async () => {
  const { other, made } = await twoReplicas()
  const someone = person(other.url, made, ['sh', '-c', 'cat; echo err >&2; exit 7'], { input: 'from afar\n' })
  expect(await someone.code).toBe(7)
  expect([someone.stdout(), someone.stderr()]).toEqual(['from afar\n', 'err\n'])
})

test('bytes in bulk arrive whole, both ways, and hold each other back', async () => {
  const { other, made } = await twoReplicas()
  const sent = randomBytes(3 * 1024 * 1024).toString('base64')
  const someone = person(other.url, made, ['cat'], { input: sent })
  expect(await someone.code).toBe(0)
  expect(someone.stdout() === sent).toBe(true)
})

test('what listens in a workspace is asked through the other replica', async () => {
  const { holder, other, made } = await twoReplicas()
  const asked = (of: typeof holder) => of.connections.portsOf(made.id)
  // What else runs on this machine comes and goes between two questions.
  await until('both to be told the same', async () => {
    const [there, here] = [await asked(holder), await asked(other)]
    return there !== null && isDeepStrictEqual(there, here)
  })
})

test('a stream that was cut on the way does not look complete', async () => {
  const { holder, other, made } = await twoReplicas()
  const stream = await other.connections.openStream(made.id, SERVICES.exec)
  const ended = new Promise<string>((resolve) => {
    stream.on('end', () => resolve(stream.rstCode === 0 && !stream.aborted ? 'complete' : 'cut'))
    stream.on('close', () => resolve('cut'))
  })
  const begun = new Promise((resolve) => stream.once('data', resolve))
  const how = { tty: null, stdin: false, cwd: null, env: {}, background: false, whenFull: 'drop', resume: false, offset: 0 }
  const asked = { id: randomUUID(), argv: ['sleep', '60'], ...how }
  stream.write(jsonFrame(FRAME.start, asked))
  await begun
  await holder.close()
  expect(await ended).toBe('cut')
})

test('whoever has another key is not served', async () => {
  const { other, made } = await twoReplicas('of another state')
  const stream = await other.connections.openStream(made.id, SERVICES.ports)
  const status = await new Promise((resolve) => stream.once('response', (headers) => resolve(headers[':status'])))
  expect(status).toBe(403)
  stream.close()
})

test('a replica that shows another certificate than the one it announced is not believed', async () => {
  const { other, made } = await twoReplicas()
  await db.query(`update replicas set fingerprint = $1 where name = 'holder'`, ['0'.repeat(64)])
  await expect(other.connections.openStream(made.id, SERVICES.ports)).rejects.toThrow('it shows another certificate')
})

test('a replica that is gone is said to be out of reach, and forgotten when it ended well', async () => {
  const key = keyOf('x')
  const ports = { db, clock: systemClock, log: silentLog, host: '127.0.0.1', port: 0, key, linkOf: () => undefined }
  const [one, two] = [await openPeers({ ...ports, replica: 'one' }), await openPeers({ ...ports, replica: 'two' })]
  await one.close()
  await expect(two.openStream('one', 'a', SERVICES.ports)).rejects.toThrow('nobody knows where the replica one')
  await db.query(`insert into replicas (name, url, fingerprint) values ('dead', 'https://127.0.0.1:1', 'x')`)
  await expect(two.openStream('dead', 'a', SERVICES.ports)).rejects.toThrow('cannot be reached')
  await two.close()
  await until('both to be forgotten', async () => (await db.query(`select 1 from replicas where name in ('one', 'two')`)).length === 0)
})
