import type { Instant } from '../../../kernel/clock.ts'
import type { Seen } from '../seen.ts'

const IN_USE_MS = 60_000

const latest = (instants: readonly (Instant | null)[]): Instant | null => {
  const known = instants.filter((at) => at !== null)
  return known.length > 0 ? Math.max(...known) : null
}

/** The newest evidence of use; null while it was never used. */
export const lastUsedAt = ({ activity, life }: Seen): Instant | null => latest([activity.lastUsedAt, life.usedAt])

/** A hold counts as use for as long as it lasts. */
export const neededUntil = (seen: Seen): Instant | null => latest([lastUsedAt(seen), seen.life.holdUntil])

export const isHeld = ({ life }: Seen, now: Instant): boolean => life.holdUntil !== null && life.holdUntil > now

/** Somebody is using it, as far as the last reports tell. */
export const isInUse = ({ activity }: Seen, now: Instant): boolean => activity.lastUsedAt !== null && now - activity.lastUsedAt < IN_USE_MS

/** When it is not in use any more, if nothing else is heard. */
export const quietAt = ({ activity }: Seen): Instant => (activity.lastUsedAt ?? 0) + IN_USE_MS
