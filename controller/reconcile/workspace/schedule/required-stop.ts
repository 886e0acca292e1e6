import type { Instant } from '../../../kernel/clock.ts'
import { DAY_MS, instantOf, midnightOf, wallOf, weekdayOf, type Wall } from '../../../kernel/zones.ts'
import type { PolicyRow } from '../../../store/records.ts'

/** Nobody is stopped sooner than this after a start, or after an edit of the policy. */
export const NOTICE_MS = 2 * 3_600_000
const BEFORE_MIDNIGHT_MS = 15 * 60_000
const WEEK_MS = 7 * DAY_MS
/** Weeks are counted from here on the wall, so that no change of the clocks shifts one. */
const FIRST_MONDAY: Wall = Date.UTC(2023, 0, 2)

export interface Quiet {
  readonly timezone: string
  /** HH:MM */
  readonly quietHours: string
}

/** The latest instant at which something that starts now has to stop; null where nothing requires it. */
export function requiredStop({ days, weeks }: PolicyRow['requirement'], quiet: Quiet, now: Instant): Instant | null {
  if (days.length === 0) return null
  const today = midnightOf(wallOf(quiet.timezone, now + NOTICE_MS))
  let day = weeks > 1 ? nextApplicableMonday(today, weeks) : today
  if (quietInstant(day, quiet) < now + NOTICE_MS) day += DAY_MS
  for (let steps = 0; steps < 7 && !days.includes(weekdayOf(day)); steps++) day += DAY_MS
  return quietInstant(day, quiet)
}

function nextApplicableMonday(day: Wall, weeks: number): Wall {
  const week = Math.floor((day - FIRST_MONDAY) / WEEK_MS)
  const past = ((week % weeks) + weeks) % weeks
  return FIRST_MONDAY + (week + weeks - past) * WEEK_MS
}

/** The next quiet hours from just before a midnight on. */
function quietInstant(midnight: Wall, { timezone, quietHours }: Quiet): Instant {
  const [hours = '0', minutes = '0'] = quietHours.split(':')
  const timeOfDay = (Number(hours) * 60 + Number(minutes)) * 60_000
  const sameNight = midnight - DAY_MS + timeOfDay
  return instantOf(timezone, sameNight > midnight - BEFORE_MIDNIGHT_MS ? sameNight : midnight + timeOfDay)
}
