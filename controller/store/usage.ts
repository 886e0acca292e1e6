import type { Clock, Instant } from '../kernel/clock.ts'
import { messageOf } from '../kernel/errors.ts'
import type { Log } from '../kernel/log.ts'
import type { Metrics } from '../kernel/metrics.ts'
import type { Reason } from '../kernel/reasons.ts'
import { databaseNow, type Db } from './pool.ts'
import type { Transition } from './records.ts'

/** What machines cost, as counters: how often they start and stop, and why, and how long they run with nobody there. */

const EVERY_MS = 60_000
/** Somebody who reads or thinks is there all the same. */
const IN_USE_MS = 300_000
const HOUR_MS = 3_600_000

export interface TransitionCount {
  readonly transition: Transition
  readonly reason: Reason
  readonly outcome: 'Succeeded' | 'Failed' | 'Canceled'
  readonly count: number
}

/** Builds that ended after one instant and up to another. */
export function transitionsEnded(db: Db, after: Instant, until: Instant): Promise<TransitionCount[]> {
  return db.query<TransitionCount>(
    `select transition, reason, outcome, count(*)::int as count from jobs
     where kind = 'build' and finished_at > to_timestamp($1::float8 / 1000.0) and finished_at <= to_timestamp($2::float8 / 1000.0)
     group by transition, reason, outcome order by transition, reason, outcome`,
    [after, until],
  )
}

export interface RunningCount {
  readonly used: number
  readonly unused: number
}

/** Workspaces whose newest build that did something left them running. */
export async function runningNow(db: Db, now: Instant): Promise<RunningCount> {
  const [row] = await db.query<RunningCount>(
    `with running as (
       select newest.subject_uid as uid from (
         select distinct on (subject_uid) subject_uid, transition, outcome from jobs
         where kind = 'build' and finished_at is not null and (started_at is not null or outcome = 'Succeeded')
         order by subject_uid, id desc) as newest
       where newest.transition = 'start' or newest.outcome <> 'Succeeded'
     ), seen as (
       select exists (select from activity where workspace_uid = running.uid and until_at > to_timestamp(($1::float8 - $2) / 1000.0)) as used
       from running)
     select count(*) filter (where used)::int as used, count(*) filter (where not used)::int as unused from seen`,
    [now, IN_USE_MS],
  )
  return row ?? { used: 0, unused: 0 }
}

/** Once a minute, until it is over. What the database cannot tell now is told later; running time without it is not counted. */
export async function measureUsage(db: Db, clock: Clock, metrics: Metrics, log: Log, over: AbortSignal): Promise<void> {
  let toldAt: Instant | null = null
  while (!over.aborted) {
    try {
      const now = await databaseNow(db)
      if (toldAt !== null) await tell(db, metrics, toldAt, now)
      toldAt = now
    } catch (error) {
      log.debug('usage is measured again later', { error: messageOf(error) })
    }
    await clock.sleep(EVERY_MS, over)
  }
}

async function tell(db: Db, metrics: Metrics, after: Instant, now: Instant): Promise<void> {
  const [transitions, running] = [await transitionsEnded(db, after, now), await runningNow(db, now)]
  for (const { count, ...labels } of transitions) {
    metrics.count(
      'bothy_workspace_transitions_total',
      'Starts, stops and destroys of workspaces, by why and how they ended.',
      labels,
      count,
    )
  }
  // A machine that slept ran nothing for people meanwhile.
  const hours = Math.min(Math.max(now - after, 0), 2 * EVERY_MS) / HOUR_MS
  for (const [use, count] of Object.entries(running)) {
    metrics.count('bothy_workspace_hours_total', 'Hours that workspaces ran, by whether somebody was there.', { use }, count * hours)
  }
}
