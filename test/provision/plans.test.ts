import { expect, test } from 'vitest'
import { agentsOf } from '../../controller/store/agents.ts'
import { histories } from '../../controller/store/build-histories.ts'
import { approvePlan } from '../../controller/store/plans.ts'
import { answersTo } from '../../controller/store/questions.ts'
import { queuePlan } from '../../controller/store/queue-jobs.ts'
import type { BuildInput, Job, Subject } from '../../controller/store/records.ts'
import { openedManifest } from '../../controller/store/sealed-manifest.ts'
import { newestState } from '../../controller/store/states.ts'
import { withDatabase } from '../support/postgres.ts'
import { PROCESS } from './templates.ts'
import { createWorld, INPUT, pidsWith, workspace, type World } from './world.ts'

const { db } = await withDatabase()

const GREETS: BuildInput = { ...INPUT, parameters: { greeting: 'salut' } }

async function planned(world: World, subject: Subject, digest: string, input = GREETS): Promise<Job> {
  const job = await queuePlan(db, {
    subject,
    digest,
    reason: 'Updated',
    initiator: 'bothy',
    class: 'person',
    labels: {},
    transition: 'start',
    requestUid: null,
    inputs: 'today',
    input,
  })
  if (!job) throw new Error('not queued')
  return world.ended(job)
}

const planOf = (job: Job) => ({ jobId: job.id, digest: job.result?.plan?.digest ?? '' })

test('a plan changes nothing, says what it would do, and is carried out exactly', async () => {
  const world = await createWorld(db)
  await world.provisioner()
  const dev = workspace()
  const digest = await world.template(PROCESS)
  await world.ended(await world.build(dev, digest))
  const [pid] = pidsWith(`${world.stateDir}/machines/`)
  const before = await newestState(db, dev.uid)

  const plan = await planned(world, dev, digest)
  expect([plan.phase, plan.error]).toEqual(['Succeeded', null])
  expect(plan.result?.plan).toMatchObject({ add: 0, change: 1, destroy: 0, addresses: ['bothy_agent.main'], lost: [] })
  expect((await newestState(db, dev.uid))?.equals(before ?? Buffer.alloc(0))).toBe(true)
  expect(pidsWith(`${world.stateDir}/machines/`)).toEqual([pid])

  const newest = async () => (await answersTo(db, { each: histories(1) }, [dev.uid])).each.get(dev.uid)?.plan
  expect(await newest()).toMatchObject({ job: { id: plan.id }, approvedBy: null })
  await approvePlan(db, plan.id, 'ada')
  await approvePlan(db, plan.id, 'bob')
  expect(await newest()).toMatchObject({ approvedBy: 'ada' })

  const build = await world.ended(await world.build(dev, digest, { input: { ...GREETS, plan: planOf(plan) } }))
  expect([build.phase, build.error, build.result?.outputs]).toEqual(['Succeeded', null, { greeting: 'salut' }])
  const told = (await agentsOf(db, dev.uid)).map(({ id, confirmed, manifest }) => [
    confirmed,
    openedManifest(world.sealer, id, manifest).env,
  ])
  expect(told).toEqual([[true, { GREETING: 'salut' }]])
  expect(pidsWith(`${world.stateDir}/machines/`)).toEqual([pid])
})

test('a plan is worth nothing once the state is another one', async () => {
  const world = await createWorld(db)
  await world.provisioner()
  const dev = workspace()
  const digest = await world.template(PROCESS)
  await world.ended(await world.build(dev, digest))
  const plan = await planned(world, dev, digest)
  await world.ended(await world.build(dev, digest, { transition: 'stop' }))
  const late = await world.ended(await world.build(dev, digest, { input: { ...GREETS, plan: planOf(plan) } }))
  expect([late.phase, late.error]).toEqual(['Failed', expect.stringContaining('stale')])
  expect(pidsWith(`${world.stateDir}/machines/`)).toHaveLength(0)
})

test('only the plan that was named is carried out, and only while it is kept', async () => {
  const world = await createWorld(db)
  await world.provisioner()
  const dev = workspace()
  const digest = await world.template(PROCESS)
  await world.ended(await world.build(dev, digest))
  const plan = await planned(world, dev, digest)
  const other = { ...planOf(plan), digest: `sha256:${'0'.repeat(64)}` }
  const swapped = await world.ended(await world.build(dev, digest, { input: { ...GREETS, plan: other } }))
  expect([swapped.phase, swapped.errorReason]).toEqual(['Failed', 'PlanVoid'])
  const gone = await world.ended(await world.build(dev, digest, { input: { ...GREETS, plan: { ...planOf(plan), jobId: '0' } } }))
  expect([gone.phase, gone.errorReason]).toEqual(['Failed', 'PlanVoid'])
})

test('a plan that cannot be made names file and line', async () => {
  const world = await createWorld(db)
  await world.provisioner()
  const digest = await world.template({ 'main.tf': 'output "x" {\n  value = file("nothing")\n}\n' })
  const plan = await planned(world, workspace(), digest)
  expect([plan.phase, plan.errorReason]).toEqual(['Failed', 'PlanFailed'])
  expect(plan.error).toContain('main.tf:2')
})

test('what is sealed cannot be read as it lies, and tokens are in no log', async () => {
  const world = await createWorld(db)
  await world.provisioner()
  const dev = workspace()
  const digest = await world.template(PROCESS)
  await world.ended(await world.build(dev, digest))
  const plan = await planned(world, dev, digest)
  const [row] = await db.query<{ sealed: Buffer }>('select sealed from plans where job_id = $1', [plan.id])
  expect(row?.sealed.includes('tfplan')).toBe(false)
  expect(world.sealer.open(row?.sealed ?? Buffer.alloc(0), dev.uid).includes('tfplan')).toBe(true)
  expect(await world.logOf(plan)).toContain('Plan: 0 to add, 1 to change, 0 to destroy.')
})
