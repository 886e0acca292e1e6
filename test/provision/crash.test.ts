import { join } from 'node:path'
import { hostname } from 'node:os'
import { existsSync } from 'node:fs'
import { expect, test } from 'vitest'
import { isSame } from '../../controller/kernel/pids.ts'
import { agentsOf } from '../../controller/store/agents.ts'
import { intentOf, jobById } from '../../controller/store/read-jobs.ts'
import type { Job } from '../../controller/store/records.ts'
import { placeIn } from '../../controller/provision/place.ts'
import { newestState } from '../../controller/store/states.ts'
import { withDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'
import { another } from './another.ts'
import { realMachines } from './machines.ts'
import { slowMachines } from './slow-machines.ts'
import { PROCESS } from './templates.ts'
import { createWorld, pidsWith, workspace } from './world.ts'

const { db, url } = await withDatabase()

const inTheMiddle = (job: Job) =>
  until('it to be in the middle of making a machine', async () => {
    const intent = await intentOf(db, job.id)
    return intent?.pid !== undefined && intent.creates.length > 0 ? intent : null
  })

/** Of whoever is gone, or sleeps: nobody waits for its end. */
const leaseIsOver = () => db.query('update jobs set lease_until = clock_timestamp() where finished_at is null')

test('a build whose provisioner was killed is Interrupted, keeps what terraform saved, and is built anew with one machine', async () => {
  const world = await createWorld(db)
  const child = await another({ world, url, how: 'slow' })
  const dev = workspace()
  const digest = await world.template(PROCESS)
  const job = await world.build(dev, digest)
  const intent = await inTheMiddle(job)
  child.kill('SIGKILL')
  await leaseIsOver()
  await world.provisioner({ limits: { lookMs: 200 } })
  const ended = await world.ended(job)
  expect([ended.phase, ended.errorReason]).toEqual(['Failed', 'Interrupted'])
  expect(isSame(intent.pid ?? 0, intent.pidStartedAt ?? '')).toBe(false)
  // The agent was in the state that terraform saved when its provider was gone.
  expect(await newestState(db, dev.uid)).not.toBeNull()
  expect(await agentsOf(db, dev.uid)).toHaveLength(1)
  await until('its folder to go', () => !existsSync(intent.folder))

  const again = await world.ended(await world.build(dev, digest))
  expect([again.phase, again.error]).toEqual(['Succeeded', null])
  expect(pidsWith(`${world.stateDir}/machines/`)).toHaveLength(1)
})

test('a provisioner that is closed in the middle of a build leaves it to the next one', async () => {
  const world = await createWorld(db)
  const slow = slowMachines(realMachines(world.stateDir))
  const first = await world.provisioner({ machinesFor: slow.machinesFor, limits: { leaseMs: 1500 } })
  const dev = workspace()
  const job = await world.build(dev, await world.template(PROCESS))
  const intent = await inTheMiddle(job)
  await first.close()
  expect(existsSync(`${intent.folder}/interrupted`)).toBe(true)
  slow.release()
  await until('terraform to end', () => !isSame(intent.pid ?? 0, intent.pidStartedAt ?? ''))
  await world.provisioner({ limits: { lookMs: 200 } })
  const ended = await world.ended(job)
  expect([ended.phase, ended.errorReason, ended.result?.resources]).toEqual(['Failed', 'Interrupted', 2])
  expect(await agentsOf(db, dev.uid)).toMatchObject([{ name: 'main', confirmed: true }])
})

test('a build that was claimed by a provisioner that died before it began goes back into the queue', async () => {
  const world = await createWorld(db)
  const job = await world.build(workspace(), await world.template(PROCESS))
  await db.query(
    `update jobs set claimed_at = clock_timestamp(), progressed_at = clock_timestamp(), lease_until = clock_timestamp(),
     provisioner_id = 'dead', epoch = 1 where id = $1`,
    [job.id],
  )
  await world.provisioner({ limits: { lookMs: 200 } })
  expect((await world.ended(job)).phase).toBe('Succeeded')
})

test('one that died after it said where it would work, and before the folder was there, is known to have begun nothing', async () => {
  const world = await createWorld(db)
  const job = await world.build(workspace(), await world.template(PROCESS))
  const intent = { host: hostname(), place: placeIn(world.stateDir), folder: join(world.stateDir, 'builds', job.id), creates: [] }
  await db.query(
    `update jobs set claimed_at = clock_timestamp(), started_at = clock_timestamp(), progressed_at = clock_timestamp(),
     lease_until = clock_timestamp(), provisioner_id = 'dead', epoch = 1, intent = $2 where id = $1`,
    [job.id, JSON.stringify(intent)],
  )
  // It waits for nobody, as it would for another machine.
  await world.provisioner({ limits: { lookMs: 200, elsewhereMs: 600_000 } })
  const ended = await world.ended(job)
  expect([ended.phase, ended.errorReason]).toEqual(['Failed', 'Interrupted'])
})

test('a build that was left on another machine is ProvisionerLost', async () => {
  const world = await createWorld(db)
  const job = await world.build(workspace(), await world.template(PROCESS))
  await db.query(
    `update jobs set claimed_at = clock_timestamp(), progressed_at = clock_timestamp(), lease_until = clock_timestamp(),
     provisioner_id = 'dead', epoch = 1, intent = $2 where id = $1`,
    [job.id, JSON.stringify({ host: 'elsewhere', folder: '/nowhere', creates: [] })],
  )
  await world.provisioner({ limits: { elsewhereMs: 100, lookMs: 200 } })
  const ended = await world.ended(job)
  expect([ended.phase, ended.errorReason]).toEqual(['Failed', 'ProvisionerLost'])
})

test('what a build left that was called lost while its machine was away is kept when it comes back, unless it was built again', async () => {
  const world = await createWorld(db)
  const slow = slowMachines(realMachines(world.stateDir))
  const [early, late] = [workspace('early'), workspace('late')]
  const digest = await world.template(PROCESS)
  const first = await world.provisioner({ machinesFor: slow.machinesFor })
  const lost: string[] = []
  for (const subject of [early, late]) lost.push((await world.build(subject, digest)).id)
  for (const id of lost) {
    const intent = await until('it to be in the middle', async () => ((await intentOf(db, id))?.creates.length ? intentOf(db, id) : null))
    expect(intent?.folder).toContain(id)
  }
  await first.close()
  slow.release()
  for (const id of lost) {
    const { pid = 0, pidStartedAt = '' } = (await intentOf(db, id)) ?? {}
    await until('terraform to end', () => !isSame(pid, pidStartedAt))
  }
  // As another machine would, that does not see the folder.
  await db.query(
    `update jobs set finished_at = clock_timestamp(), outcome = 'Failed', error_reason = 'ProvisionerLost' where id = any($1)`,
    [lost],
  )
  const again = await world.build(late, digest)
  await db.query(`update jobs set finished_at = clock_timestamp(), outcome = 'Failed', error_reason = 'ProvisionerLost' where id = $1`, [
    again.id,
  ])

  await world.provisioner({ limits: { lookMs: 200 } })
  await until('the folders to go', () => lost.every((id) => !existsSync(`${world.stateDir}/builds/${id}`)))
  expect(await newestState(db, early.uid)).not.toBeNull()
  expect(await newestState(db, late.uid)).toBeNull()
  expect(existsSync(`${world.stateDir}/builds/.aside-${lost[1]}/tree/terraform.tfstate`)).toBe(true)
})

test('a provisioner that was stopped in the middle and wakes after its lease writes nothing', async () => {
  const world = await createWorld(db)
  const child = await another({ world, url, how: 'slow' })
  const dev = workspace()
  const job = await world.build(dev, await world.template(PROCESS))
  await inTheMiddle(job)
  child.kill('SIGSTOP')
  await leaseIsOver()
  // Its provider sleeps with it, so terraform cannot end by itself.
  await world.provisioner({ limits: { lookMs: 200, graceMs: 500 } })
  const ended = await world.ended(job)
  expect([ended.phase, ended.errorReason]).toEqual(['Failed', 'OrphansPossible'])
  const log = await world.logOf(job)
  const idle = new Promise((resolve) => child.stdout?.once('data', resolve))
  child.kill('SIGCONT')
  await idle
  child.kill('SIGKILL')
  const again = await world.ended(await world.build(dev, await world.template(PROCESS)))
  expect(again.phase).toBe('Succeeded')
  expect(await jobById(db, job.id)).toEqual(ended)
  expect(await world.logOf(job)).toBe(log)
  expect(pidsWith(`${world.stateDir}/machines/`)).toHaveLength(1)
})
