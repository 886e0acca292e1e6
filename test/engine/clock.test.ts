import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Resource } from '../../controller/cluster/port.ts'
import { databaseNow } from '../../controller/store/pool.ts'
import type { SteppedClock } from '../support/clock.ts'
import { withDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'
import { IMPORTED, openBench, saidBy, templateDraft, workspaceDraft, type Bench } from './bench.ts'
import { tickingClock } from './ticking-clock.ts'

/** The rules of the clock with the real store, and a clock that is stepped. */

const { db } = await withDatabase()
const HOUR = 3_600_000
const MINUTE = 60_000
let clock: SteppedClock
let bench: Bench

beforeEach(async () => {
  // Whoever was second tries again a moment later, which has to come.
  clock = tickingClock(await databaseNow(db), 20)
  bench = await openBench(db, { clock })
})

afterEach(async () => {
  await bench.close()
  await db.query('truncate objects, events, jobs, versions, agents, provisioners, settings, lives, activity cascade')
})

async function running(schedule: Readonly<Record<string, unknown>>, own: Readonly<Record<string, unknown>> = {}): Promise<Resource> {
  await bench.provisioner()
  // Alive for as long as the clock may be stepped.
  await db.query(`update provisioners set last_seen_at = clock_timestamp() + interval '30 days'`)
  await bench.apply(templateDraft({ schedule }))
  await bench.finish(await bench.claim(), IMPORTED)
  await bench.becomes('Template', 'node', 'Ready', 'True Imported')
  await bench.apply(workspaceDraft(own))
  await bench.finish(await bench.claim())
  return bench.becomes('Workspace', 'dev', 'Ready', 'True Running')
}

const asks = (name: string, spec: Readonly<Record<string, unknown>>) =>
  bench.apply({
    apiVersion: 'bothy.dev/v1alpha1',
    kind: 'WorkspaceRequest',
    metadata: { name, namespace: 'default' },
    spec: { workspace: 'dev', ...spec },
  })

/** What its status says of the clock, once it says that. */
const scheduleOf = (what: string, said: (schedule: Readonly<Record<string, string>>) => boolean) =>
  until(what, async () => {
    const status = (await bench.get('Workspace', 'dev'))?.status
    const schedule = typeof status === 'object' && status && 'schedule' in status ? status.schedule : null
    if (isTexts(schedule) && said(schedule)) return schedule
    throw new Error(JSON.stringify(schedule))
  })
const isTexts = (value: unknown): value is Readonly<Record<string, string>> => typeof value === 'object' && value !== null
const instant = (text: string | undefined) => Date.parse(text ?? '')
const eventsOf = async () => (await db.query<{ reason: string }>('select reason from events order by last_at')).map(({ reason }) => reason)

/** Alive as long as there is something to wait for: what is stepped over happens while others work. */
const stepUntil = <T>(what: string, ms: number, probe: () => Promise<T>) => {
  let left = ms
  return until(what, async () => {
    const part = Math.min(left, 10 * MINUTE)
    left -= part
    await clock.step(part)
    return probe()
  })
}

test('a deadline is computed when the start succeeds, warned of, and stops it', async () => {
  await running({ ttl: '1h', activityBump: '0s' })
  const { stops, deadline } = await scheduleOf('its deadline', ({ deadline: at }) => at !== undefined)
  const [start] = await db.query<{ at: number }>(`select finished_at as at from jobs where kind = 'build'`)
  expect(Math.abs(instant(deadline) - (start?.at ?? 0) - HOUR)).toBeLessThanOrEqual(1000)
  expect(stops).toBe(`${deadline} Deadline`)
  await stepUntil('a warning', 45 * MINUTE, async () => (await eventsOf()).includes('StopsSoon'))
  const stop = await stepUntil('its stop', 30 * MINUTE, async () => (await bench.jobs()).find(({ transition }) => transition === 'stop'))
  expect(stop.reason).toBe('Deadline')
  await bench.finish(await bench.claim())
  await bench.becomes('Workspace', 'dev', 'Ready', 'True Stopped')
  expect(await eventsOf()).toEqual(['Imported', 'Started', 'StopsSoon', 'Stopped'])
})

test('an extension and a hold are answered at once, and status tells them', async () => {
  await running({ ttl: '1h' })
  await scheduleOf('its deadline', ({ deadline }) => deadline !== undefined)
  await asks('more', { action: 'Extend', for: '3h' })
  await bench.becomes('WorkspaceRequest', 'more', 'Succeeded', 'True Extended')
  const extended = await scheduleOf('its later deadline', ({ deadline }) => instant(deadline) > clock.now() + 2 * HOUR)
  await asks('awake', { action: 'Hold', for: '5h', reason: 'a long build' })
  await bench.becomes('WorkspaceRequest', 'awake', 'Succeeded', 'True Held')
  const held = await scheduleOf('its hold', ({ holdUntil }) => holdUntil !== undefined)
  expect(held).toEqual({ deadline: extended['deadline'], holdUntil: held['holdUntil'], stops: `${held['holdUntil']} Deadline` })
  await asks('no-more', { action: 'Hold', for: '0s' })
  await bench.becomes('WorkspaceRequest', 'no-more', 'Succeeded', 'True Handled')
  await scheduleOf('no hold', ({ holdUntil }) => holdUntil === undefined)
  await asks('soon', { action: 'Extend', for: '5m' })
  await bench.becomes('WorkspaceRequest', 'soon', 'Succeeded', 'False TooSoon')
})

async function used(at: number): Promise<void> {
  await db.query(
    `insert into activity (workspace_uid, kind, actor, from_at, until_at)
     select workspace_uid, 'Ssh', 'ada', to_timestamp($1 / 1000.0), to_timestamp($1 / 1000.0) from lives`,
    [at],
  )
  bench.engine.lookAt('Workspace/default/dev')
}

test('use moves the deadline', async () => {
  await running({ ttl: '30m', activityBump: '2h' })
  const before = await scheduleOf('its deadline', ({ deadline }) => deadline !== undefined)
  await clock.step(2 * MINUTE)
  await used(clock.now())
  const after = await scheduleOf('its later deadline', ({ deadline }) => deadline !== before['deadline'])
  expect(instant(after['deadline']) - instant(before['deadline'])).toBeGreaterThan(89 * MINUTE)
})

const looks = async () => bench.engine.depth() === 0

const shown = async () => {
  const found = await bench.get('Workspace', 'dev')
  const status = found?.status
  return {
    version: found?.metadata.resourceVersion,
    activity: typeof status === 'object' && status && 'activity' in status ? status.activity : null,
  }
}

test('use alone is written once in a quarter of an hour', async () => {
  await running({})
  await clock.step(MINUTE)
  await used(clock.now())
  const first = await until('its first use', async () => ((await shown()).activity ? shown() : null))
  for (let minutes = 0; minutes < 14; minutes++) {
    await clock.step(MINUTE)
    await used(clock.now())
    await until('a look', looks)
  }
  expect(await shown()).toEqual(first)
  await clock.step(2 * MINUTE)
  await used(clock.now())
  await until('its use a quarter of an hour later', async () => (await shown()).version !== first.version)
})

test('an edit of the policy counts for what runs, in one pass', async () => {
  await running({})
  await bench.patch('Template', 'node', {
    spec: { schedule: { requirement: { days: ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'] } } },
  })
  const { maxDeadline } = await scheduleOf('a required stop', (schedule) => schedule['maxDeadline'] !== undefined)
  const ahead = instant(maxDeadline) - clock.now()
  expect(ahead).toBeGreaterThan(2 * HOUR - MINUTE)
  expect(ahead).toBeLessThanOrEqual(26 * HOUR)
})

test('what is gone is not remembered any longer', async () => {
  await running({ ttl: '1h' })
  expect(await db.query('select deadline_build from lives')).toHaveLength(1)
  await bench.cluster.delete('Workspace', 'default', 'dev', { manager: 'test', user: 'ada' })
  await bench.finish(await bench.claim())
  await until('the workspace to be gone', async () => (await bench.get('Workspace', 'dev')) === null)
  expect(await db.query('select 1 from lives')).toEqual([])
})

test('what the clock will do is told by the same rules', async () => {
  await running({ ttl: '1h' }, { schedule: { autostart: '0 0 * * *', timezone: 'Europe/Berlin' } })
  const { deadline = '' } = await scheduleOf('its deadline', (schedule) => schedule['deadline'] !== undefined)
  const told = await bench.engine.simulate('Workspace/default/dev', clock.now() + 26 * HOUR)
  expect(told?.changes.map(({ wants, reason }) => `${wants} ${reason}`).slice(0, 2)).toEqual(['stopped Deadline', 'running Autostart'])
  expect(told?.changes[0]?.at).toBe(deadline)
  expect(told?.timezone).toBe('Europe/Berlin')
  expect(saidBy(await bench.get('Workspace', 'dev'), 'Ready')).toBe('True Running')
})
