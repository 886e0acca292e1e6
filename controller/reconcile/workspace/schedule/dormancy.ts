import type { Instant } from '../../../kernel/clock.ts'
import type { LifeRow } from '../../../store/records.ts'
import { openPowerRequest } from '../requests.ts'
import type { Seen } from '../seen.ts'
import { neededUntil } from './use.ts'

/** Whoever changes the policy gives everybody this long to notice. */
const NOTICE_MS = 24 * 3_600_000

/** Nobody has used it for so long; null where that never makes it dormant. Without its template nothing is by the clock. */
export function dormantFrom(seen: Seen): Instant | null {
  const afterMs = seen.template?.policy.dormantAfterMs ?? 0
  // The limit itself is still in time.
  return afterMs === 0 ? null : (neededUntil(seen) ?? seen.workspace.createdAt) + afterMs + 1
}

/** Both instants in one. */
export function fallenAsleep({ life, template }: Seen, now: Instant): LifeRow {
  const deleteDormantAfterMs = template?.policy.deleteDormantAfterMs ?? 0
  const deletingAt = deleteDormantAfterMs > 0 ? now + deleteDormantAfterMs : null
  return { ...life, dormantAt: now, deletingAt, deleteDormantAfterMs }
}

/** Somebody wants it again. */
export function isWokenUp(seen: Seen): boolean {
  const request = openPowerRequest(seen)
  return seen.workspace.power === 'Running' || (request !== null && request.action !== 'Stop')
}

export function wokenUp(seen: Seen, now: Instant): LifeRow {
  const { life } = seen
  if (life.dormantAt === null || !isWokenUp(seen)) return life
  return { ...life, dormantAt: null, deletingAt: null, deleteDormantAfterMs: null, usedAt: now }
}

/** A changed policy counts for those that are dormant already, but not at once. */
export function withPolicyOfDormancy({ life, template }: Seen, now: Instant): LifeRow {
  const deleteDormantAfterMs = template?.policy.deleteDormantAfterMs
  if (life.dormantAt === null || deleteDormantAfterMs === undefined || deleteDormantAfterMs === life.deleteDormantAfterMs) return life
  const deletingAt = deleteDormantAfterMs === 0 ? null : Math.max(life.dormantAt + deleteDormantAfterMs, now + NOTICE_MS)
  return { ...life, deletingAt, deleteDormantAfterMs }
}
