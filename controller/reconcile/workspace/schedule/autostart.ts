import type { Instant } from '../../../kernel/clock.ts'
import { latestRun, nextRun, parseSchedule, type Parsed, type Schedule } from '../../../kernel/cron.ts'
import { isZone } from '../../../kernel/zones.ts'
import { buildInFlight, standingStart } from '../builds.ts'
import type { Seen } from '../seen.ts'

/** Missed by more than this, nobody waits for it any longer. */
const MISSED_MS = 2 * 3_600_000

/** The schedule as it is declared; null where there is none. */
export function declaredSchedule({ workspace, owner }: Seen): Parsed | null {
  const { autostart, timezone } = workspace.schedule
  return autostart === null ? null : parseSchedule(autostart, timezone ?? owner.timezone)
}

/** By whose clocks its schedule is read, also while there is none. */
export function scheduleZone(seen: Seen): string {
  const { workspace, owner } = seen
  const parsed = declaredSchedule(seen)
  if (parsed?.ok) return parsed.schedule.zone
  const { timezone } = workspace.schedule
  return timezone !== null && isZone(timezone) ? timezone : owner.timezone
}

/** Names a schedule, so that a changed one is known as new. */
export function scheduleKey(seen: Seen): string | null {
  const parsed = declaredSchedule(seen)
  if (!parsed) return null
  return parsed.ok ? `CRON_TZ=${parsed.schedule.zone} ${parsed.schedule.pattern}` : seen.workspace.schedule.autostart
}

/** The one that counts: valid, and allowed by a template that is there and stays. */
function scheduleOf(seen: Seen): Schedule | null {
  const { template } = seen
  if (!template || template.deleting || !template.policy.autostart.allowed) return null
  const parsed = declaredSchedule(seen)
  return parsed?.ok ? parsed.schedule : null
}

const allowedDays = ({ template }: Seen) => new Set(template?.policy.autostart.days ?? [])

/** The first instant of the schedule after another one, whatever else keeps the workspace from starting then. */
export function nextAutostart(seen: Seen, after: Instant): Instant | null {
  const schedule = scheduleOf(seen)
  return schedule && nextRun(schedule, after, allowedDays(seen))
}

/** An instant of the schedule that has come and was not yet acted on. */
export interface DueStart {
  readonly at: Instant
  readonly missed: boolean
}

export function dueStart(seen: Seen, now: Instant): DueStart | null {
  const { owner, workspace, life, builds } = seen
  if (owner.suspended || life.dormantAt !== null || workspace.power !== 'Auto') return null
  if (standingStart(builds) || buildInFlight(builds)) return null
  const schedule = scheduleOf(seen)
  const at = schedule && latestRun(schedule, now, allowedDays(seen))
  if (at === null) return null
  // What came before one of these was for another time.
  const since = Math.max(builds[0]?.queuedAt ?? 0, life.scheduleSeenAt ?? now, life.restoredAt ?? 0, life.autoAt ?? 0)
  return at > since ? { at, missed: now - at > MISSED_MS } : null
}

/** When it will start by itself, for people and for the next look; null where it will not. */
export function startsAt(seen: Seen, now: Instant): Instant | null {
  const { owner, workspace, life } = seen
  if (owner.suspended || life.dormantAt !== null || workspace.power !== 'Auto' || workspace.paused || workspace.deleting) return null
  return nextAutostart(seen, now)
}
