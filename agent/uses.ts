import { STATS_EVERY_MS, USES_MAX, type Use } from './protocol.ts'

/** Nearer than two reports, two uses of the same kind by the same person are one. */
const GAP_MS = 2 * STATS_EVERY_MS

/** The same uses in fewer intervals; of too many the newest. */
export function joined(uses: readonly Use[]): Use[] {
  const intervals: Use[] = []
  for (const use of uses.toSorted((a, b) => a.from - b.from)) {
    const i = intervals.findLastIndex(({ kind, by }) => kind === use.kind && by === use.by)
    const before = intervals[i]
    if (before && use.from <= before.until + GAP_MS) intervals[i] = { ...before, until: Math.max(before.until, use.until) }
    else intervals.push(use)
  }
  return intervals.toSorted((a, b) => a.until - b.until).slice(-USES_MAX)
}
