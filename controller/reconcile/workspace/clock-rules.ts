import type { Instant } from '../../kernel/clock.ts'
import { isInFlight, mayBeRunning, newestSettled, nothingIsLeft } from './builds.ts'
import { startInputs } from './inputs.ts'
import type { Opinion } from './opinion.ts'
import { isOutOfTries } from './pace.ts'
import { dueStart } from './schedule/autostart.ts'
import { dormantFrom, isWokenUp } from './schedule/dormancy.ts'
import { idleOf } from './schedule/idle.ts'
import { policyNow } from './schedule/policy.ts'
import { deadlines, patientUntil } from './schedule/stops.ts'
import { isHeld } from './schedule/use.ts'
import type { Seen } from './seen.ts'

/** The rules that look at the clock. Their place among the others is in wants.ts. */

export function itHasExpired(seen: Seen, now: Instant): Opinion | null {
  const { dormantAt, deletingAt } = seen.life
  if (dormantAt === null || deletingAt === null || deletingAt > now || !seen.template || isWokenUp(seen)) return null
  if (nothingIsLeft(seen.builds)) return null
  return { wants: 'destroyed', reason: 'Expired', message: 'It has been dormant for as long as its template allows.' }
}

export function stopIsRequired(seen: Seen, now: Instant): Opinion | null {
  const { maxDeadlineAt } = deadlines(seen)
  if (maxDeadlineAt === null || maxDeadlineAt > now || !mayBeStopped(seen, now)) return null
  return { wants: 'stopped', reason: 'Deadline', message: 'Its template requires a stop in these quiet hours.' }
}

export function deadlineHasPassed(seen: Seen, now: Instant): Opinion | null {
  const { deadlineAt } = deadlines(seen)
  if (deadlineAt === null || deadlineAt > now || isHeld(seen, now) || !mayBeStopped(seen, now)) return null
  return { wants: 'stopped', reason: 'Deadline', message: 'Its time is over (ttl), and nobody extended it.' }
}

export function nobodyUsesIt(seen: Seen, now: Instant): Opinion | null {
  const idle = idleOf(seen, now)
  if (idle.is !== 'known' || idle.at > now || isHeld(seen, now) || !mayBeStopped(seen, now)) return null
  return { wants: 'stopped', reason: 'Idle', message: 'Nobody has used it for as long as idleAfter says.' }
}

const mayBeStopped = (seen: Seen, now: Instant): boolean => mayBeRunning(seen.builds) && now >= patientUntil(seen)

/** When what a start left that failed for good is to be cleaned up; null where nothing is. */
export function cleanUpAt(seen: Seen): Instant | null {
  const { failureTtlMs } = policyNow(seen)
  const newest = newestSettled(seen.builds)
  if (failureTtlMs === 0 || !newest || seen.builds.some(isInFlight)) return null
  if (newest.phase === 'Succeeded' || newest.transition !== 'start' || !mayBeRunning(seen.builds)) return null
  const inputs = startInputs(seen)
  if (!isOutOfTries(seen, inputs.ready ? inputs.inputs : newest.inputs)) return null
  return (newest.finishedAt ?? newest.queuedAt) + failureTtlMs
}

export function failedStartIsCleanedUp(seen: Seen, now: Instant): Opinion | null {
  const at = cleanUpAt(seen)
  if (at === null || at > now) return null
  return { wants: 'stopped', reason: 'FailedCleanup', message: 'Its start failed, and what it left behind is cleaned up (failureTtl).' }
}

export function itIsDormant({ life }: Seen): Opinion | null {
  return life.dormantAt === null ? null : { wants: 'stopped', reason: 'Dormant', message: 'It is dormant: nobody used it for long.' }
}

/** It becomes dormant with this, and the rule before goes on from there. */
export function itIsUnused(seen: Seen, now: Instant): Opinion | null {
  const from = dormantFrom(seen)
  if (from === null || from > now) return null
  return { wants: 'stopped', reason: 'Dormant', message: 'Nobody has used it for as long as dormantAfter says.', fallsAsleep: true }
}

export function autostartIsDue(seen: Seen, now: Instant): Opinion | null {
  const due = dueStart(seen, now)
  if (!due || due.missed) return null
  // What failed before it failed for another time.
  return { wants: 'running', reason: 'Autostart', message: 'Its schedule starts it now.', anew: true }
}
