import type { Instant } from '../../../kernel/clock.ts'

const JUST_BEFORE_MS = 15 * 60_000

/**
 * When a start lasts until. One that would last into its next start by the clock, or end just before it, lasts as if it
 * began then: nobody is stopped at nine to be started at nine.
 */
export function deadlineOf(finishedAt: Instant, ttlMs: number, nextStartAt: Instant | null): Instant {
  const deadlineAt = finishedAt + ttlMs
  return nextStartAt !== null && deadlineAt >= nextStartAt - JUST_BEFORE_MS ? nextStartAt + ttlMs : deadlineAt
}

export interface Use {
  readonly usedAt: Instant
  readonly bumpMs: number
  readonly ttlMs: number
  readonly nextStartAt: Instant | null
}

/** A write for each sign of use would be a storm: the deadline moves when this share of the bump has passed. */
const WORTH_IT = 0.05

/** The deadline after somebody used it. It never moves closer. */
export function bumped(deadlineAt: Instant, { usedAt, bumpMs, ttlMs, nextStartAt }: Use): Instant {
  if (bumpMs <= 0 || deadlineAt - (1 - WORTH_IT) * bumpMs >= usedAt) return deadlineAt
  const wanted = usedAt + bumpMs
  return Math.max(deadlineAt, nextStartAt !== null && wanted > nextStartAt ? nextStartAt + ttlMs : wanted)
}
