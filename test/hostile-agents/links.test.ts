import { spawn, type ChildProcess } from 'node:child_process'
import { setMaxListeners } from 'node:events'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { freePort } from '../support/ports.ts'
import { withDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'
import { knownAgents, startFleet } from './fleet.ts'

/** The short form of `npm run bench -- links`: what is right, and no figures. */

const { db, url: databaseUrl } = await withDatabase()
setMaxListeners(0)

const COUNT = 100
const KILLS = 3

async function startPlane(port: number): Promise<{ readonly child: ChildProcess; readonly port: number }> {
  const child = spawn(process.execPath, [
    '--disable-warning=ExperimentalWarning',
    join(import.meta.dirname, 'plane.ts'),
    databaseUrl,
    String(port),
  ])
  onTestFinished(() => void child.kill('SIGKILL'))
  let said = ''
  child.stdout.on('data', (data: Buffer) => (said += data.toString()))
  await until('the control plane to listen', () => said.includes('\n'))
  return { child, port: Number(said) }
}

const connected = async (): Promise<number> => {
  const [row] = await db.query<{ n: string }>(
    `select count(*) as n from agents where replica = 'standalone' and (disconnected_at is null or disconnected_at < connected_at)`,
  )
  return Number(row?.n)
}

test('a hundred agents are all back each time that the control plane is killed, and health is answered meanwhile', async () => {
  let { child, port } = await startPlane(await freePort())
  const fleet = startFleet(() => `http://127.0.0.1:${port}`, await knownAgents(db, COUNT))
  onTestFinished(() => fleet.end())
  await until('all to be linked', () => fleet.linked === COUNT)
  await until('all to be written down', async () => (await connected()) === COUNT)
  for (let kill = 0; kill < KILLS; kill += 1) {
    const { links } = fleet
    child.kill('SIGKILL')
    await until('all to notice', () => fleet.linked === 0)
    ;({ child, port } = await startPlane(port))
    let healthy = 0
    await until('all to be back', async () => {
      const answer = await fetch(`http://127.0.0.1:${port}/healthz`)
      expect(answer.status).toBe(200)
      healthy += 1
      return fleet.linked === COUNT && fleet.links - links >= COUNT
    })
    expect(healthy).toBeGreaterThan(0)
    await until('all to be written down', async () => (await connected()) === COUNT)
  }
  expect(fleet.refused).toBe(0)
  const status = await fetch(`http://127.0.0.1:${port}/bothy/v1/status`, { headers: { authorization: 'Bearer secret' } })
  expect(await status.json()).toEqual({ agents: COUNT })
})
