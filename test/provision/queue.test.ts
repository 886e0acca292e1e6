import { existsSync } from 'node:fs'
import { expect, test } from 'vitest'
import { listProvisioners } from '../../controller/store/provisioners.ts'
import { intentOf, jobById } from '../../controller/store/read-jobs.ts'
import { lostClaims, takeOver } from '../../controller/store/claim-jobs.ts'
import { finishJob } from '../../controller/store/finish-job.ts'
import { isSame } from '../../controller/kernel/pids.ts'
import { newestState } from '../../controller/store/states.ts'
import { withDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'
import { realMachines } from './machines.ts'
import { slowMachines } from './slow-machines.ts'
import { DATA, PROCESS } from './templates.ts'
import { createWorld, workspace } from './world.ts'

const { db } = await withDatabase()

test('two provisioners run thirty builds, each once', async () => {
  const world = await createWorld(db)
  const digest = await world.template(DATA)
  const builds = await Promise.all(Array.from({ length: 30 }, (_, i) => world.build(workspace(`w${i}`), digest)))
  await Promise.all([world.provisioner({ capacity: 2 }), world.provisioner({ capacity: 2 })])
  const ended = await Promise.all(builds.map((job) => world.ended(job)))
  expect(ended.map(({ phase }) => phase)).toEqual(ended.map(() => 'Succeeded'))
  const states = await db.query<{ count: number }>('select count(*)::int as count from states where job_id = any($1) group by job_id', [
    ended.map(({ id }) => id),
  ])
  expect(states).toEqual(ended.map(() => ({ count: 1 })))
  expect(new Set(ended.map(({ provisionerId }) => provisionerId)).size).toBe(2)
})

test('a provisioner registers, drains what it runs, and is gone', async () => {
  const world = await createWorld(db)
  const slow = slowMachines(realMachines(world.stateDir))
  const provisioner = await world.provisioner({ machinesFor: slow.machinesFor, id: 'one' })
  expect((await listProvisioners(db)).filter(({ id }) => id === 'one')).toMatchObject([
    { name: 'test', capacity: 2, isolation: expect.stringContaining('bubblewrap, own user') },
  ])
  const digest = await world.template(PROCESS)
  const first = await world.build(workspace(), digest)
  await slow.asked
  expect(provisioner.running()).toBe(1)
  const drained = provisioner.drain()
  const second = await world.build(workspace('late'), digest)
  slow.release()
  await drained
  expect(provisioner.running()).toBe(0)
  expect((await jobById(db, first.id))?.phase).toBe('Succeeded')
  expect((await jobById(db, second.id))?.phase).toBe('Queued')
  expect((await listProvisioners(db)).filter(({ id }) => id === 'one')).toEqual([])
})

test('told a second time to end, it cancels what it runs', async () => {
  const world = await createWorld(db)
  const slow = slowMachines(realMachines(world.stateDir))
  const provisioner = await world.provisioner({ machinesFor: slow.machinesFor })
  const job = await world.build(workspace(), await world.template(PROCESS))
  await slow.asked
  const drained = provisioner.drain()
  provisioner.cancelRunning()
  await until('terraform to be told', async () => (await world.logOf(job)).includes('nterrupt'))
  slow.release()
  await drained
  expect((await jobById(db, job.id))?.phase).toBe('Canceled')
})

test('who lost its lease interrupts terraform and writes nothing', async () => {
  const world = await createWorld(db)
  const slow = slowMachines(realMachines(world.stateDir))
  const provisioner = await world.provisioner({ machinesFor: slow.machinesFor })
  const dev = workspace()
  const job = await world.build(dev, await world.template(PROCESS))
  await slow.asked
  const intent = await until('its pid to be written', async () => ((await intentOf(db, job.id))?.pid ? intentOf(db, job.id) : null))
  // As if it had slept through its lease.
  await db.query('update jobs set lease_until = clock_timestamp() where id = $1', [job.id])
  expect((await lostClaims(db, null)).map(({ id }) => id)).toEqual([job.id])
  const taken = await takeOver(db, job.id, 'another', 60_000)
  if (!taken) throw new Error('not taken')
  await until('terraform to be told', () => existsSync(`${intent.folder}/interrupted`))
  slow.release()
  await until('terraform to end', () => !isSame(intent.pid ?? 0, intent.pidStartedAt ?? ''))
  await until('it to let go', () => provisioner.running() === 0)
  expect([(await jobById(db, job.id))?.phase, await newestState(db, dev.uid)]).toEqual(['Running', null])
  // Its folder is left for who took over.
  expect(existsSync(`${intent.folder}/tree/terraform.tfstate`)).toBe(true)
  expect(
    await finishJob(db, taken, { phase: 'Failed', reason: 'Interrupted', error: 'taken', state: null, agents: null, result: {} }),
  ).toBe(true)
})
