import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Instant } from '../../controller/kernel/clock.ts'
import { decide } from '../../controller/reconcile/workspace/decide.ts'
import type { Action } from '../../controller/reconcile/workspace/decide.ts'
import { storePorts } from '../../controller/reconcile/store-ports.ts'
import { databaseNow } from '../../controller/store/pool.ts'
import { heartbeatProvisioner, listProvisioners } from '../../controller/store/provisioners.ts'
import { withDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'
import { openBench, IMPORTED, requestDraft, templateDraft, workspaceDraft, type Bench } from './bench.ts'
import { tickingClock } from './ticking-clock.ts'
import { build, DAY, HOUR, NOW, SECOND, stop, UID, world } from '../decide/worlds.ts'

/** Heartbeat and decision race; who is first must not matter for what is so in the end. */

const { db } = await withDatabase()
const ROW = { id: 'p1', name: 'p1', labels: {}, version: '1', capacity: 1, isolation: 'none' }
const store = storePorts(db)

beforeEach(async () => {
  await db.query('truncate jobs, states, versions, template_files, provisioners, agents, lives cascade')
})

const heartbeatAt = (at: Instant) =>
  db.query(`update provisioners set last_seen_at = greatest(last_seen_at, to_timestamp($1 / 1000.0))`, [at])

/** A workspace whose schedule was due at eight, judged with what the store says of provisioners and builds. */
async function looksAt(now: Instant): Promise<readonly Action[]> {
  const { provisioners, builds } = await store.facts(UID)
  const past = [stop({ queuedAt: NOW - DAY }), build({ queuedAt: NOW - DAY })]
  const seen = world({ provisioners, builds: [...builds, ...past], workspace: { schedule: { autostart: '0 8 * * *' } } })
  const { actions } = decide(seen, now)
  for (const action of actions) if (action.do === 'queue-build') await store.queueBuild(action.build, action.lifeRevision)
  return actions
}
const built = async () => (await db.query(`select 1 from jobs where kind = 'build'`)).length

test('two hundred times: a heartbeat and a look race, and there is exactly one start', async () => {
  for (let round = 0; round < 200; round++) {
    await db.query('delete from jobs')
    await db.query('delete from provisioners')
    await heartbeatProvisioner(db, ROW)
    await db.query('update provisioners set last_seen_at = to_timestamp($1 / 1000.0)', [NOW - 90_001])
    expect((await looksAt(NOW)).some((action) => action.do === 'queue-build')).toBe(false)
    expect(await built()).toBe(0)
    // Whatever the race made of it, the heartbeat wakes what waits.
    await Promise.all([heartbeatAt(NOW), looksAt(NOW), looksAt(NOW)])
    await looksAt(NOW)
    expect(await built()).toBe(1)
  }
})

test('a heartbeat never goes back', async () => {
  await heartbeatProvisioner(db, ROW)
  const [before] = await listProvisioners(db)
  await db.query(`update provisioners set last_seen_at = clock_timestamp() + interval '1 hour'`)
  await heartbeatProvisioner(db, ROW)
  const [after] = await listProvisioners(db)
  expect((after?.lastSeenAt ?? 0) - (before?.lastSeenAt ?? 0)).toBeGreaterThan(HOUR - 10 * SECOND)
})

let benches: Bench[] = []
afterEach(async () => {
  for (const bench of benches) await bench.close()
  await db.query('truncate objects, events cascade')
  benches = []
})

/** Without a lease both controllers may import what was declared: the same twice, and harmless. */
async function buildsEnd(bench: Bench, count: number): Promise<void> {
  for (let left = count; left > 0;) {
    const claim = await bench.claim()
    const isImport = claim.job.kind === 'import'
    await bench.finish(claim, isImport ? IMPORTED : {})
    if (!isImport) left -= 1
  }
}

test('two controllers look at the same workspaces, and each is built once', async () => {
  benches = [await openBench(db), await openBench(db)]
  const [one] = benches
  if (!one) throw new Error('there is no bench')
  await one.provisioner()
  await one.apply(templateDraft())
  await one.finish(await one.claim(), IMPORTED)
  await one.becomes('Template', 'node', 'Ready', 'True Imported')
  const names = Array.from({ length: 20 }, (_, i) => `dev-${i}`)
  await Promise.all(names.map((name) => one.apply(workspaceDraft({ schedule: { ttl: '1h' } }, name))))
  await buildsEnd(one, names.length)
  for (const name of names) await one.becomes('Workspace', name, 'Ready', 'True Running')
  const rows = await db.query<{ name: string; builds: string }>(
    `select subject_name as name, count(*) as builds from jobs where kind = 'build' group by 1 order by 1`,
  )
  expect(rows.map(({ name, builds }) => `${name} ${builds}`)).toEqual(names.map((name) => `${name} 1`).toSorted())
  // What both of them remember is one row, with the deadline of the one start.
  const lives = await db.query<{ build: number; deadline: Instant; finished: Instant }>(
    `select deadline_build as build, deadline_at as deadline, finished_at as finished from lives join jobs on subject_uid = workspace_uid and number = deadline_build`,
  )
  expect(lives.map(({ build: number, deadline, finished }) => [number, deadline - finished])).toEqual(names.map(() => [1, HOUR]))
})

test('without any provisioner at their autostart no build is queued, and its return starts each exactly once', async () => {
  // Whoever was second tries again a moment later, which has to come.
  const clock = tickingClock(await databaseNow(db), 50)
  benches = [await openBench(db, { clock }), await openBench(db, { clock })]
  const [one] = benches
  if (!one) throw new Error('there is no bench')
  await one.provisioner()
  await one.apply(templateDraft())
  await one.finish(await one.claim(), IMPORTED)
  await one.becomes('Template', 'node', 'Ready', 'True Imported')
  const names = Array.from({ length: 6 }, (_, i) => `early-${i}`)
  await Promise.all(names.map((name) => one.apply(workspaceDraft({}, name))))
  await buildsEnd(one, names.length)
  for (const name of names) {
    await one.becomes('Workspace', name, 'Ready', 'True Running')
    await one.apply({
      ...requestDraft('Stop'),
      metadata: { name: `stop-${name}`, namespace: 'default' },
      spec: { workspace: name, action: 'Stop' },
    })
  }
  await buildsEnd(one, names.length)
  for (const name of names) await one.becomes('Workspace', name, 'Ready', 'True Stopped')
  await db.query('delete from provisioners')
  for (const name of names) await one.patch('Workspace', name, { spec: { schedule: { autostart: '* * * * *' } } })
  await until(
    'all schedules to be known',
    async () => (await db.query('select 1 from lives where schedule is not null')).length === names.length,
  )
  await clock.step(61 * SECOND)
  for (const name of names) await one.becomes('Workspace', name, 'Reconciling', 'True NoProvisioner')
  const starts = async () =>
    (await db.query<{ name: string }>(`select subject_name as name from jobs where reason = 'Autostart' order by 1`)).map(
      ({ name }) => name,
    )
  expect(await starts()).toEqual([])
  await one.provisioner()
  await until('each to be started', async () => (await starts()).length >= names.length)
  await until('both controllers to be quiet', async () => benches.every(({ engine }) => engine.depth() === 0))
  expect(await starts()).toEqual(names)
})

test('what was changed since it was read is not written over', async () => {
  const now = await databaseNow(db)
  const life = world().life
  expect(await store.keepLife('w', 'Workspace/default/w', { ...life, revision: 0, holdUntil: now })).toBe(true)
  const { life: kept } = await store.facts('w')
  expect(kept).toEqual({ ...life, revision: 1, holdUntil: now })
  if (!kept) throw new Error('it was not kept')
  const both = await Promise.all([1, 2].map((deadlineBuild) => store.keepLife('w', 'Workspace/default/w', { ...kept, deadlineBuild })))
  expect(both.toSorted()).toEqual([false, true])
  expect(await store.keepLife('w', 'Workspace/default/w', { ...life, revision: 0 })).toBe(false)
  expect((await store.facts('w')).life?.revision).toBe(2)
  await store.forgetLife('w')
  expect(await store.keepLife('w', 'Workspace/default/w', { ...life, revision: 2 })).toBe(false)
  expect((await store.facts('w')).life).toBe(null)
})

test('a stop that was decided before somebody extended the deadline is not queued', async () => {
  const { input, ...first } = build({ number: 2, transition: 'stop', reason: 'Deadline' })
  if (!input) throw new Error('it has no input')
  const stopped = { ...first, input, number: 2, transition: 'stop' as const }
  await store.keepLife(UID, 'Workspace/default/dev', { ...world().life, revision: 0 })
  const { life: read } = await store.facts(UID)
  if (!read) throw new Error('it was not kept')
  await store.keepLife(UID, 'Workspace/default/dev', { ...read, deadlineAt: NOW + HOUR })
  expect(await store.queueBuild(stopped, read.revision)).toBe(false)
  expect(await store.queueBuild(stopped, read.revision + 1)).toBe(true)
})
