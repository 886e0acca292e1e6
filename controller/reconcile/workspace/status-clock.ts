import { toIso, type Instant } from '../../kernel/clock.ts'
import { startsAt } from './schedule/autostart.ts'
import { idleOf } from './schedule/idle.ts'
import { deadlines, effectiveDeadline, nextStop } from './schedule/stops.ts'
import { isHeld, lastUsedAt } from './schedule/use.ts'
import type { Seen } from './seen.ts'

/** What the clock will do, and who was there, as status tells it. */

const STALE_MS = 15 * 60_000

type Fields = Readonly<Record<string, unknown>>

export function scheduleOf(seen: Seen, now: Instant): Fields {
  const { life } = seen
  const idle = idleOf(seen, now)
  const stop = nextStop(seen, now)
  const instants: readonly (readonly [string, Instant | null])[] = [
    ['deadline', effectiveDeadline(seen)],
    ['idleAt', idle.is === 'known' ? idle.at : null],
    ['holdUntil', isHeld(seen, now) ? life.holdUntil : null],
    ['maxDeadline', deadlines(seen).maxDeadlineAt],
    ['nextStart', startsAt(seen, now)],
    ['dormantAt', life.dormantAt],
    ['deletingAt', life.deletingAt],
  ]
  const known = instants.flatMap(([name, at]) => (at === null ? [] : [[name, toIso(at)] as const]))
  const schedule = { ...(stop ? { stops: `${toIso(stop.at)} ${stop.reason}` } : {}), ...Object.fromEntries(known) }
  return Object.keys(schedule).length > 0 ? { schedule } : {}
}

export function activityOf(seen: Seen): Fields {
  const usedAt = lastUsedAt(seen)
  if (usedAt === null) return {}
  const sources = seen.activity.sources.map(({ kind, at, by }) => ({ kind, at: toIso(at), ...(by ? { by } : {}) }))
  return { activity: { lastUsedAt: toIso(usedAt), ...(sources.length > 0 ? { sources } : {}) } }
}

/**
 * The same workspace as if it had last been used when its status says so, while that is not long ago: use alone is not
 * worth a write each time.
 */
export function unhurriedActivity(seen: Seen, now: Instant): Seen | null {
  const { activity } = seen.workspace.before
  const usedAt = lastUsedAt(seen)
  if (!activity || activity.lastUsedAt === null || usedAt === null || usedAt - activity.lastUsedAt > STALE_MS) return null
  const shown = { ...seen, activity, life: { ...seen.life, usedAt: null } }
  const idle = idleOf(shown, now)
  // An instant that has passed would be told as the next.
  return idle.is === 'known' && idle.at <= now ? null : shown
}
