import type { Instant } from './clock.ts'

/**
 * Calendar arithmetic in time zones. A wall is what a clock on the wall shows, as the milliseconds that UTC would need to
 * show it: days and weekdays of a wall are plain arithmetic, and no change of the clocks can shift them.
 */
export type Wall = number

export const DAY_MS = 86_400_000

/** Zones are few, but each can be written in many ways. */
const FORMATS_MAX = 1_000
const formats = new Map<string, Intl.DateTimeFormat>()

function formatOf(zone: string): Intl.DateTimeFormat {
  const known = formats.get(zone)
  if (known) return known
  const numeric = 'numeric'
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone: zone,
    hourCycle: 'h23',
    year: numeric,
    month: numeric,
    day: numeric,
    hour: numeric,
    minute: numeric,
    second: numeric,
  })
  const [oldest] = formats.keys()
  if (oldest !== undefined && formats.size >= FORMATS_MAX) formats.delete(oldest)
  formats.set(zone, format)
  return format
}

export function isZone(zone: string): boolean {
  try {
    return formatOf(zone) !== undefined
  } catch {
    return false
  }
}

/** Throws a RangeError for a zone that does not exist. */
export function wallOf(zone: string, at: Instant): Wall {
  const parts: Record<string, number> = {}
  for (const { type, value } of formatOf(zone).formatToParts(at)) parts[type] = Number(value)
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = parts
  return Date.UTC(year, month - 1, day, hour, minute, second) + (((at % 1000) + 1000) % 1000)
}

const offsetOf = (zone: string, at: Instant): number => wallOf(zone, at) - at

/** A wall that is shown twice is its first time; one that is never shown is the instant at which the clock jumps over it. */
export function instantOf(zone: string, wall: Wall): Instant {
  const before = wall - offsetOf(zone, wall - DAY_MS)
  const after = wall - offsetOf(zone, wall + DAY_MS)
  const shown = [before, after].filter((at) => wallOf(zone, at) === wall)
  return shown.length > 0 ? Math.min(...shown) : jumpOver(zone, wall, Math.min(before, after), Math.max(before, after))
}

/** Between the two the clock jumps over the wall: the first instant that shows a later one. */
function jumpOver(zone: string, wall: Wall, earliest: Instant, latest: Instant): Instant {
  let [low, high] = [earliest, latest]
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2)
    if (wallOf(zone, middle) > wall) high = middle
    else low = middle
  }
  return high
}

/** The latest wall that any instant up to this one has shown lately. */
export const latestWall = (zone: string, at: Instant): Wall => at + Math.max(offsetOf(zone, at), offsetOf(zone, at - DAY_MS))

export const midnightOf = (wall: Wall): Wall => Math.floor(wall / DAY_MS) * DAY_MS

export const WEEKDAYS = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'] as const
export type Weekday = (typeof WEEKDAYS)[number]

/** 1970 began on a Thursday. */
export const weekdayOf = (wall: Wall): Weekday => WEEKDAYS[(((Math.floor(wall / DAY_MS) + 3) % 7) + 7) % 7] ?? 'Mon'
