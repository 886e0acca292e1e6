import { beforeEach, expect, test } from 'vitest'
import { silentLog } from '../../controller/kernel/log.ts'
import { createMetrics } from '../../controller/kernel/metrics.ts'
import { noteActivity } from '../../controller/store/activity.ts'
import { databaseNow } from '../../controller/store/pool.ts'
import { measureUsage, runningNow, transitionsEnded } from '../../controller/store/usage.ts'
import { steppedClock } from '../support/clock.ts'
import { withDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'

const { db } = await withDatabase()
const MINUTE = 60_000
beforeEach(async () => {
  await db.query('truncate jobs, activity cascade')
})

let number = 0
async function built(workspace: string, transition: string, reason: string, outcome = 'Succeeded', ago = 0) {
  number += 1
  await db.query(
    `insert into jobs (kind, subject_uid, subject_namespace, subject_name, number, transition, digest, reason, initiator, class, labels,
       queued_at, started_at, finished_at, outcome)
     select 'build', $1, 'default', $1, $2, $3, 'd', $4, 'ada', 'person', '{}', at, at, at, $5
     from (select clock_timestamp() - $6::float8 * interval '1 ms') as times (at)`,
    [workspace, number, transition, reason, outcome, ago],
  )
}

test('running is what a start left, or what a stop did not end; used is what somebody used lately', async () => {
  await built('never-stopped', 'start', 'Created')
  await built('stopped', 'start', 'Created')
  await built('stopped', 'stop', 'Idle')
  await built('stop-failed', 'start', 'Autostart')
  await built('stop-failed', 'stop', 'Deadline', 'Failed')
  await built('gone', 'start', 'Created')
  await built('gone', 'destroy', 'Deleted')
  const now = await databaseNow(db)
  const use = { kind: 'Ssh', actor: 'ada', from: now - MINUTE, until: now - MINUTE } as const
  await noteActivity(db, 'stop-failed', [use])
  await noteActivity(db, 'stopped', [use])
  await noteActivity(db, 'never-stopped', [{ ...use, from: now - 10 * MINUTE, until: now - 6 * MINUTE }])
  expect(await runningNow(db, now)).toEqual({ used: 1, unused: 1 })
})

test('what ended is counted once, by reason and outcome', async () => {
  await built('a', 'start', 'Autostart', 'Succeeded', 5 * MINUTE)
  const from = await databaseNow(db)
  await built('b', 'start', 'Autostart')
  await built('c', 'start', 'Autostart')
  await built('c', 'stop', 'Idle', 'Failed')
  const till = (await databaseNow(db)) + 1
  expect(await transitionsEnded(db, from, till)).toEqual([
    { transition: 'start', reason: 'Autostart', outcome: 'Succeeded', count: 2 },
    { transition: 'stop', reason: 'Idle', outcome: 'Failed', count: 1 },
  ])
  expect(await transitionsEnded(db, till, till + MINUTE)).toEqual([])
})

test('the counters grow by the minute, and end with the program', async () => {
  const clock = steppedClock()
  const metrics = createMetrics()
  const over = new AbortController()
  const measured = measureUsage(db, clock, metrics, silentLog, over.signal)
  await built('a', 'start', 'Created')
  await until('the first counts', async () => {
    await clock.step(MINUTE)
    return (await metrics.page()).includes('bothy_workspace_hours_total{use="unused"}')
  })
  over.abort()
  await measured
  expect(await metrics.page()).toMatch(/bothy_workspace_transitions_total\{transition="start",reason="Created",outcome="Succeeded"\} 1/)
})
