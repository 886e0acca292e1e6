import { toIso, type Instant } from '../../kernel/clock.ts'
import { humanDuration } from '../../kernel/durations.ts'
import type { Reason } from '../../kernel/reasons.ts'
import type { LifeRow } from '../../store/records.ts'
import { buildInFlight, standingStart } from '../workspace/builds.ts'
import { policyNow } from '../workspace/schedule/policy.ts'
import { deadlines } from '../workspace/schedule/stops.ts'
import type { RequestSeen, Seen as Sight } from '../workspace/seen.ts'

/** Requests about when a workspace stops. They are answered at once, by arithmetic. */

export interface Moved {
  readonly succeeded: boolean
  readonly reason: Reason
  readonly message: string
  /** What is remembered from then on; null where nothing changes. */
  readonly life: LifeRow | null
}

const AHEAD_MIN_MS = 30 * 60_000
const TOLERANCE_MS = 60_000

export const isTimeRequest = ({ action }: RequestSeen): boolean => action === 'Extend' || action === 'Hold'

export const comesBefore = (a: RequestSeen, b: RequestSeen): boolean =>
  a.createdAt === b.createdAt ? a.uid < b.uid : a.createdAt < b.createdAt

const no = (reason: Reason, message: string): Moved => ({ succeeded: false, reason, message, life: null })

export function extended(request: RequestSeen, sight: Sight, now: Instant): Moved {
  const name = `Workspace ${sight.workspace.name}`
  const inFlight = buildInFlight(sight.builds)
  if (!standingStart(sight.builds) || (inFlight && inFlight.transition !== 'start')) return no('NotRunning', `${name} is not running.`)
  const { deadlineAt, maxDeadlineAt } = deadlines(sight)
  if (deadlineAt === null)
    return no('NoDeadline', `${name} has no deadline that could be moved: spec.schedule.ttl sets one, at the next start.`)
  // From when it was asked: asked again after a crash it is the same instant.
  const wanted = request.until ?? request.createdAt + (request.forMs ?? 0)
  if (wanted < now + AHEAD_MIN_MS - TOLERANCE_MS) return no('TooSoon', 'A new deadline must be at least 30 minutes ahead.')
  if (maxDeadlineAt !== null && wanted > maxDeadlineAt) {
    return no('TooLate', `The template of ${name} requires a stop before that (status.schedule.maxDeadline).`)
  }
  return {
    succeeded: true,
    reason: 'Extended',
    message: `The deadline of ${name} is ${toIso(wanted)} now; it was ${toIso(deadlineAt)}.`,
    life: { ...sight.life, deadlineAt: wanted },
  }
}

export function held(request: RequestSeen, sight: Sight, now: Instant): Moved {
  const { life } = sight
  const name = `Workspace ${sight.workspace.name}`
  const forMs = request.forMs ?? 0
  if (forMs === 0) {
    const ended = life.holdUntil === null ? null : { ...life, holdUntil: null, holdReason: null, holdBy: null, usedAt: now }
    return { succeeded: true, reason: 'Handled', message: `${name} is not held any longer.`, life: ended }
  }
  const { maxHoldMs } = policyNow(sight)
  if (forMs > maxHoldMs) return no('TooLate', `The template of ${name} allows a hold of at most ${humanDuration(maxHoldMs)} (maxHold).`)
  const holdUntil = request.createdAt + forMs
  const kept = { ...life, holdUntil, holdReason: request.why, holdBy: `request ${request.name}` }
  return { succeeded: true, reason: 'Held', message: `${name} is held awake for ${humanDuration(forMs)}.`, life: kept }
}
