import { CronExpressionParser } from 'cron-parser'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { latestRun, nextRun, parseSchedule, type Schedule } from '../../controller/kernel/cron.ts'
import { instantOf, wallOf, WEEKDAYS, weekdayOf, type Weekday } from '../../controller/kernel/zones.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const EVERY_DAY: ReadonlySet<Weekday> = new Set(WEEKDAYS)

function schedule(text: string, zone = 'UTC'): Schedule {
  const parsed = parseSchedule(text, zone)
  if (!parsed.ok) throw new Error(parsed.message)
  return parsed.schedule
}
const at = (text: string) => Date.parse(text)
const iso = (instant: number | null) => (instant === null ? null : new Date(instant).toISOString().slice(0, 16))

describe('a schedule is read', () => {
  test.each([
    ['with a zone of its own', 'CRON_TZ=Europe/Berlin 0 9 * * 1-5', { zone: 'Europe/Berlin', pattern: '0 9 * * 1-5' }],
    ['in the zone it is given', '*/15 8,20 * * mon,Wed', { zone: 'UTC', pattern: '*/15 8,20 * * mon,Wed' }],
    ['whatever the blanks', ' 0  9 * *  7 ', { zone: 'UTC', pattern: '0 9 * * 7' }],
  ])('%s', (_, text, expected) => {
    expect(schedule(text)).toEqual(expected)
  })

  test.each([
    ['0 9 1 * *', "must have '*' as day of the month and month: it is weekly."],
    ['0 9 * 5 1', "must have '*' as day of the month and month: it is weekly."],
    ['0 9 * *', "needs five parts: minute, hour, '*', '*' and days of the week."],
    ['0 0 9 * * 1', "needs five parts: minute, hour, '*', '*' and days of the week."],
    ['CRON_TZ=Mars/Base 0 9 * * 1', 'is in the zone "Mars/Base", which does not exist: write one such as Europe/Berlin.'],
    ['60 9 * * 1', 'cannot be read: Invalid value for minute: 60'],
    ['0 9 * * 5-1', "cannot be read: From value is larger than to value: '5-1'"],
    ['0 9 * * 1#2', 'has "1#2", which is no number, list, range or step.'],
    ['0 9 * * 5L', 'has "5L", which is no number, list, range or step.'],
  ])('but not %s', (text, message) => {
    expect(parseSchedule(text, 'UTC')).toEqual({ ok: false, message: `The schedule "${text}" ${message}` })
  })
})

describe('clocks that change', () => {
  test.each([
    // Berlin jumps from 02:00 to 03:00 at 01:00 UTC.
    [
      'a local time that does not exist runs at the next valid instant',
      'Europe/Berlin',
      '30 2 * * *',
      '2026-03-28T12:00Z',
      '2026-03-29T01:00',
    ],
    ['the day after, it runs at its own time again', 'Europe/Berlin', '30 2 * * *', '2026-03-29T01:00Z', '2026-03-30T00:30'],
    // Berlin shows 02:30 at 00:30 and 01:30 UTC.
    ['a local time that occurs twice runs the first time', 'Europe/Berlin', '30 2 * * *', '2026-10-24T12:00Z', '2026-10-25T00:30'],
    ['and not the second time', 'Europe/Berlin', '30 2 * * *', '2026-10-25T00:30Z', '2026-10-26T01:30'],
    ['where half an hour is jumped over', 'Australia/Lord_Howe', '15 2 * * *', '2026-10-03T00:00Z', '2026-10-03T15:30'],
    ['where midnight does not exist', 'America/Sao_Paulo', '0 0 * * *', '2018-11-03T12:00Z', '2018-11-04T03:00'],
    ['where a whole day does not exist', 'Pacific/Apia', '0 9 * * 5', '2011-12-29T22:00Z', '2011-12-30T10:00'],
  ])('%s', (_, zone, text, after, expected) => {
    expect(iso(nextRun(schedule(text, zone), at(after), EVERY_DAY))).toBe(expected)
  })
})

describe('the days that are allowed', () => {
  test('are judged in the zone of the schedule', () => {
    // 20:00 on Sunday in New York is Monday in UTC.
    const evening = schedule('0 20 * * *', 'America/New_York')
    expect(iso(nextRun(evening, at('2026-11-21T12:00Z'), new Set(['Sun'])))).toBe('2026-11-23T01:00')
  })

  test('may leave nothing', () => {
    expect(nextRun(schedule('0 9 * * 1-5'), at('2026-11-21T12:00Z'), new Set(['Sat', 'Sun']))).toBe(null)
    expect(latestRun(schedule('0 9 * * 1-5'), at('2026-11-21T12:00Z'), new Set())).toBe(null)
  })

  test('equality counts as due, and is not the next', () => {
    const morning = schedule('0 9 * * *')
    expect(iso(latestRun(morning, at('2026-11-21T09:00Z'), EVERY_DAY))).toBe('2026-11-21T09:00')
    expect(iso(latestRun(morning, at('2026-11-21T09:00Z') - 1, EVERY_DAY))).toBe('2026-11-20T09:00')
    expect(iso(nextRun(morning, at('2026-11-21T09:00Z'), EVERY_DAY))).toBe('2026-11-22T09:00')
  })
})

/** What a person with a wall clock and a lot of patience would do: look at every minute. */
function walked({ zone, pattern }: Schedule, from: number, to: number): number[] {
  const [minute = '', hour = '', , , weekday = ''] = pattern.split(' ')
  const due = (wall: number) =>
    matches(minute, Math.floor(wall / MINUTE) % 60, 59) &&
    matches(hour, Math.floor(wall / HOUR) % 24, 23) &&
    matches(weekday, (Math.floor(wall / DAY) + 4) % 7, 6)
  const runs: number[] = []
  // From a day before, so that it is known what was shown already.
  let highest = wallOf(zone, from - DAY - MINUTE)
  for (let now = from - DAY; now <= to; now += MINUTE) {
    const wall = wallOf(zone, now)
    let run = false
    for (let shown = highest + MINUTE; shown <= wall; shown += MINUTE) run ||= due(shown)
    highest = Math.max(highest, wall)
    if (run && now >= from) runs.push(now)
  }
  return runs
}

const matches = (part: string, value: number, most: number): boolean =>
  part.split(',').some((piece) => {
    const [range = '', step = '1'] = piece.split('/')
    const [low = '', high = low] = range.split('-')
    const [first, last] = range === '*' ? [0, most] : [Number(low), Number(high)]
    return value >= first && value <= last && (value - first) % Number(step) === 0
  })

const pattern = fc
  .tuple(
    fc.oneof(fc.constantFrom('*', '*/15', '*/7', '0,30', '10-20', '0'), fc.integer({ min: 0, max: 59 }).map(String)),
    fc.oneof(fc.constantFrom('*', '0-4', '*/2', '1,2,3', '0', '23'), fc.integer({ min: 0, max: 23 }).map(String)),
    fc.constantFrom('*', '*', '0', '1-5', '6', '0,3'),
  )
  .map(([minute, hour, weekday]) => `${minute} ${hour} * * ${weekday}`)

const ZONES = [
  ['Australia/Lord_Howe', 2024, 2026],
  ['America/Sao_Paulo', 2016, 2019],
  ['Africa/Casablanca', 2023, 2026],
  ['Europe/Dublin', 2024, 2026],
  ['Asia/Gaza', 2023, 2026],
  ['Pacific/Apia', 2011, 2012],
  ['Antarctica/Troll', 2024, 2026],
] as const

function transitions(zone: string, first: number, last: number): number[] {
  const offset = (instant: number) => wallOf(zone, instant) - instant
  const found: number[] = []
  for (let hour = Date.UTC(first, 0, 1); hour < Date.UTC(last, 11, 31); hour += HOUR)
    if (offset(hour) !== offset(hour + HOUR)) found.push(hour)
  return found
}

function runsBetween(schedule: Schedule, from: number, to: number): number[] {
  const runs: number[] = []
  for (let run = nextRun(schedule, from - 1, EVERY_DAY); run !== null && run <= to; run = nextRun(schedule, run, EVERY_DAY)) runs.push(run)
  return runs
}

describe('the minutes around every change of the clocks are those of a patient person', () => {
  test.each(ZONES)('in %s', (zone, first, last) => {
    const changes = transitions(zone, first, last)
    expect(changes.length).toBeGreaterThan(1)
    for (const change of changes) {
      const [from, to] = [change - 5 * HOUR, change + 5 * HOUR]
      fc.assert(
        fc.property(pattern, (text) => {
          const one = { zone, pattern: text }
          expect(runsBetween(one, from, to).map(iso)).toEqual(walked(one, from, to).map(iso))
        }),
        { numRuns: 6 },
      )
    }
  })
})

test('what was due last is never later than now, and nothing lies between it and what is next', () => {
  const changes = new Map(ZONES.map(([zone, first, last]) => [zone, transitions(zone, first, last)]))
  const instant = fc.constantFrom(...ZONES).chain(([zone, first, last]) =>
    fc.record({
      zone: fc.constant(zone),
      pattern,
      now: fc.oneof(
        fc.integer({ min: Date.UTC(first, 0, 1), max: Date.UTC(last, 11, 31) }),
        fc
          .tuple(fc.constantFrom(...(changes.get(zone) ?? [0])), fc.integer({ min: -3 * HOUR, max: 3 * HOUR }))
          .map(([change, ms]) => change + ms),
      ),
    }),
  )
  fc.assert(
    fc.property(instant, ({ zone, pattern: text, now }) => {
      const one = { zone, pattern: text }
      const latest = latestRun(one, now, EVERY_DAY)
      const next = nextRun(one, now, EVERY_DAY)
      if (next !== null) expect(next).toBeGreaterThan(now)
      if (latest === null) return
      expect(latest).toBeLessThanOrEqual(now)
      expect(latestRun(one, latest, EVERY_DAY)).toBe(latest)
      const after = nextRun(one, latest, EVERY_DAY)
      if (after !== null && next !== null) expect(after).toBe(next)
      if (after !== null) expect(after).toBeGreaterThan(now)
    }),
    { numRuns: 1500 },
  )
})

const quiet = (zone: string, now: number) =>
  [-1, 0, 1, 2, 3, 4, 5, 6, 7, 8].every((day) => wallOf(zone, now + day * DAY) - (now + day * DAY) === wallOf(zone, now) - now)

test('away from changes of the clocks a second library says the same', () => {
  const zones = ['Europe/Berlin', 'America/New_York', 'Asia/Kolkata', 'UTC', 'Pacific/Auckland', 'America/St_Johns'] as const
  const worlds = fc.record({
    zone: fc.constantFrom(...zones),
    pattern,
    now: fc.integer({ min: Date.UTC(2020, 0, 1), max: Date.UTC(2032, 0, 1) }),
  })
  fc.assert(
    fc.property(worlds, ({ zone, pattern: text, now }) => {
      fc.pre(quiet(zone, now))
      const other = CronExpressionParser.parse(text, { tz: zone, currentDate: new Date(now) })
      expect(iso(nextRun({ zone, pattern: text }, now, EVERY_DAY))).toBe(iso(other.next().getTime()))
    }),
    { numRuns: 800 },
  )
})

test('from a wall to its instant and back is the same wall, wherever that wall is shown', () => {
  const wall = fc.record({
    zone: fc.constantFrom(...ZONES.map(([zone]) => zone)),
    at: fc.integer({ min: Date.UTC(2010, 0, 1), max: Date.UTC(2030, 0, 1) }),
  })
  fc.assert(
    fc.property(wall, ({ zone, at: instant }) => {
      const shown = wallOf(zone, instant)
      const first = instantOf(zone, shown)
      expect(wallOf(zone, first)).toBe(shown)
      expect(first).toBeLessThanOrEqual(instant)
      expect(WEEKDAYS).toContain(weekdayOf(shown))
    }),
    { numRuns: 1500 },
  )
})
