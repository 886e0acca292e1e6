import { Cron } from 'croner'
import type { Instant } from './clock.ts'
import { DAY_MS, instantOf, isZone, latestWall, midnightOf, wallOf, weekdayOf, type Wall, type Weekday } from './zones.ts'

/**
 * Weekly schedules: minute, hour, `* *`, days of the week, in a zone. The library enumerates what the wall shows, where
 * every day has 24 hours; what the clocks of a zone do with that is ours, and the same for every pattern: a time that
 * does not exist runs at the next valid instant, and one that occurs twice runs once, the first time.
 */
export interface Schedule {
  readonly zone: string
  readonly pattern: string
}

export type Parsed = { readonly ok: true; readonly schedule: Schedule } | { readonly ok: false; readonly message: string }

const TEXT_LENGTH_MAX = 128
const SEARCH_MS = 7 * DAY_MS
const PREFIX = 'CRON_TZ='
const KEPT_MAX = 2_000

/** The most recently made ones: many workspaces share a few. */
const compiled = new Map<string, Cron>()

function compile(pattern: string): Cron {
  const known = compiled.get(pattern)
  if (known) return known
  const cron = new Cron(pattern, { timezone: 'UTC', paused: true, mode: '5-part' })
  const [oldest] = compiled.keys()
  if (oldest !== undefined && compiled.size >= KEPT_MAX) compiled.delete(oldest)
  compiled.set(pattern, cron)
  return cron
}

/** `zone` is that of a schedule that names none. */
export function parseSchedule(text: string, zone: string): Parsed {
  const wrong = (message: string): Parsed => ({ ok: false, message: `The schedule "${text.slice(0, TEXT_LENGTH_MAX)}" ${message}` })
  if (text.length > TEXT_LENGTH_MAX) return wrong(`is longer than ${TEXT_LENGTH_MAX} characters.`)
  const words = text.trim().split(/\s+/)
  const own = words[0]?.startsWith(PREFIX) ? words.shift()?.slice(PREFIX.length) : undefined
  const named = own ?? zone
  if (!isZone(named)) return wrong(`is in the zone "${named}", which does not exist: write one such as Europe/Berlin.`)
  const [minute, hour, dayOfMonth, month, weekday] = words
  if (words.length !== 5 || !minute || !hour || !weekday) return wrong("needs five parts: minute, hour, '*', '*' and days of the week.")
  if (dayOfMonth !== '*' || month !== '*') return wrong("must have '*' as day of the month and month: it is weekly.")
  const odd = [minute, hour, weekday].find((part) => /[^A-Za-z0-9*,/-]/.test(part) || /L|W/.test(part.replace(/wed/gi, '')))
  if (odd) return wrong(`has "${odd}", which is no number, list, range or step.`)
  const pattern = `${minute} ${hour} * * ${weekday}`
  try {
    compile(pattern)
  } catch (error) {
    return wrong(`cannot be read: ${error instanceof Error ? error.message.replace(/^CronPattern: /, '') : String(error)}`)
  }
  return { ok: true, schedule: { zone: named, pattern } }
}

/**
 * The first instant after `after` of a pattern of six fields, seconds first, in the zone of this machine: what a template
 * asks an agent to run. null: there is none, or the pattern cannot be read.
 */
export function nextBySeconds(pattern: string, after: Instant): Instant | null {
  if (pattern.length > TEXT_LENGTH_MAX) return null
  try {
    return new Cron(pattern, { paused: true, mode: '6-part' }).nextRun(new Date(after))?.getTime() ?? null
  } catch {
    return null
  }
}

/** Between two runs nothing changes: whoever asks again there need not search. */
interface Gap {
  /** The run that begins it, when somebody has asked for that. */
  begin: Instant | null
  from: Instant
  readonly to: Instant
}

const gaps = new Map<string, Gap>()

const nameOf = ({ zone, pattern }: Schedule, days: ReadonlySet<Weekday>): string => `${zone} ${pattern} ${[...days].join()}`

/** The first instant after `after`, within seven days of the wall; null where there is none. */
export function nextRun(schedule: Schedule, after: Instant, days: ReadonlySet<Weekday>): Instant | null {
  const name = nameOf(schedule, days)
  const gap = gaps.get(name)
  if (gap && gap.from <= after && after < gap.to) return gap.to
  const to = searchNext(schedule, after, days)
  if (to === null) return null
  if (gap?.to === to) gap.from = Math.min(gap.from, after)
  else if (!gap || gap.to < to) {
    const [oldest] = gaps.keys()
    if (oldest !== undefined && gaps.size >= KEPT_MAX) gaps.delete(oldest)
    gaps.set(name, { begin: null, from: after, to })
  }
  return to
}

/** The last instant up to `now`, itself included, within seven days of the wall; null where there is none. */
export function latestRun(schedule: Schedule, now: Instant, days: ReadonlySet<Weekday>): Instant | null {
  const gap = gaps.get(nameOf(schedule, days))
  if (gap && gap.begin !== null && gap.begin <= now && now < gap.to) return gap.begin
  const begin = searchLatest(schedule, now, days)
  if (gap && begin !== null && gap.from <= now && now < gap.to) {
    gap.begin = begin
    gap.from = Math.min(gap.from, begin)
  }
  return begin
}

function searchNext({ zone, pattern }: Schedule, after: Instant, days: ReadonlySet<Weekday>): Instant | null {
  const cron = compile(pattern)
  let wall: Wall = wallOf(zone, after)
  const last = wall + SEARCH_MS
  for (;;) {
    const shown = cron.nextRun(new Date(wall))?.getTime()
    if (shown === undefined || shown > last) return null
    const at = instantOf(zone, shown)
    const allowed = days.has(weekdayOf(shown))
    if (allowed && at > after) return at
    // Nothing else of this day counts either; one millisecond less, since the library answers what is later.
    wall = allowed ? shown : midnightOf(shown) + DAY_MS - 1
  }
}

function searchLatest({ zone, pattern }: Schedule, now: Instant, days: ReadonlySet<Weekday>): Instant | null {
  const cron = compile(pattern)
  // The library answers what is earlier, and counts whole seconds.
  let wall: Wall = Math.floor(latestWall(zone, now) / 1000) * 1000 + 1000
  const first = wallOf(zone, now) - SEARCH_MS
  for (;;) {
    const shown = cron.previousRuns(1, new Date(wall))[0]?.getTime()
    if (shown === undefined || shown < first) return null
    const at = instantOf(zone, shown)
    const allowed = days.has(weekdayOf(shown))
    if (allowed && at <= now) return at
    wall = allowed ? shown : midnightOf(shown)
  }
}
