import type { Instant } from '../../controller/kernel/clock.ts'
import { decide } from '../../controller/reconcile/workspace/decide.ts'
import type { Seen } from '../../controller/reconcile/workspace/seen.ts'
import type { LifeRow } from '../../controller/store/records.ts'
import { summary } from './summary.ts'
import { NOW } from './worlds.ts'

/** What is done at an instant, in a few words. */
export const doesAt = (seen: Seen, now: Instant = NOW): readonly string[] => summary(decide(seen, now), now).does

/** What is remembered from then on. */
export function remembers(seen: Seen, now: Instant = NOW): LifeRow {
  const kept = decide(seen, now).actions.find((action) => action.do === 'keep-life')
  return kept ? kept.life : seen.life
}

export const minutesFrom = (at: Instant | null, from: Instant = NOW): number | null => (at === null ? null : (at - from) / 60_000)
