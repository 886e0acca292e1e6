import type { Instant } from '../../../kernel/clock.ts'
import { mayBeRunning, standingStart } from '../builds.ts'
import type { Seen } from '../seen.ts'
import { idleOf } from './idle.ts'

/** After a start of the controller, or a clock that jumped: agents may speak before anything is stopped. */
const PATIENCE_MS = 60_000

export const patientUntil = ({ controllerStartedAt, clockJumpedAt }: Seen): Instant =>
  Math.max(controllerStartedAt, clockJumpedAt ?? 0) + PATIENCE_MS

/** The deadlines of what runs now; those of an earlier start say nothing. */
export function deadlines({ builds, life }: Seen): { readonly deadlineAt: Instant | null; readonly maxDeadlineAt: Instant | null } {
  const start = standingStart(builds)
  const own = start !== null && life.deadlineBuild === start.number
  return own ? { deadlineAt: life.deadlineAt, maxDeadlineAt: life.maxDeadlineAt } : { deadlineAt: null, maxDeadlineAt: null }
}

/** The deadline as it counts for people: never later than a required stop. */
export function effectiveDeadline(seen: Seen): Instant | null {
  const { deadlineAt, maxDeadlineAt } = deadlines(seen)
  if (deadlineAt === null || maxDeadlineAt === null) return deadlineAt ?? maxDeadlineAt
  return Math.min(deadlineAt, maxDeadlineAt)
}

/** When its deadline stops it: a hold moves that, a required stop does not wait for a hold. */
export function deadlineStopAt(seen: Seen): Instant | null {
  const { deadlineAt, maxDeadlineAt } = deadlines(seen)
  const held = deadlineAt === null ? null : Math.max(deadlineAt, seen.life.holdUntil ?? 0)
  if (held === null || maxDeadlineAt === null) return held ?? maxDeadlineAt
  return Math.min(held, maxDeadlineAt)
}

export interface Stop {
  readonly at: Instant
  readonly reason: 'Deadline' | 'Idle'
}

/** The next stop by the clock, if nothing else happens. */
export function nextStop(seen: Seen, now: Instant): Stop | null {
  if (!mayBeRunning(seen.builds)) return null
  const deadline = deadlineStopAt(seen)
  const idle = idleOf(seen, now)
  if (idle.is === 'known' && (deadline === null || idle.at < deadline)) return { at: idle.at, reason: 'Idle' }
  return deadline === null ? null : { at: deadline, reason: 'Deadline' }
}
