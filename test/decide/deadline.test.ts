import { describe, expect, test } from 'vitest'
import { wallOf } from '../../controller/kernel/zones.ts'
import { bumped, deadlineOf } from '../../controller/reconcile/workspace/schedule/deadline.ts'
import { requiredStop } from '../../controller/reconcile/workspace/schedule/required-stop.ts'
import { ttlOf, idleAfterOf } from '../../controller/reconcile/workspace/schedule/policy.ts'
import type { Seen } from '../../controller/reconcile/workspace/seen.ts'
import { minutesFrom, remembers } from './does.ts'
import { agent, build, DAY, HOUR, MINUTE, NOW, policy, running, SECOND, stop, template, type Told, world } from './worlds.ts'

const at = (text: string) => Date.parse(text)
const iso = (instant: number | null) => (instant === null ? null : new Date(instant).toISOString().slice(0, 16))

describe('how long a start lasts', () => {
  test.each([
    ['its ttl', 8 * HOUR, null, 8 * HOUR],
    ['a day before its next start', 8 * HOUR, 24 * HOUR, 8 * HOUR],
    ['crossing its next start: as if it began then', 8 * HOUR, 7 * HOUR, 15 * HOUR],
    ['ending at its next start', 8 * HOUR, 8 * HOUR, 16 * HOUR],
    ['ending just before its next start', 8 * HOUR, 8 * HOUR + 15 * MINUTE, 16 * HOUR + 15 * MINUTE],
    ['ending a little more before it', 8 * HOUR, 8 * HOUR + 15 * MINUTE + 1, 8 * HOUR],
  ])('%s', (_, ttlMs, nextInMs, expectedMs) => {
    expect(deadlineOf(NOW, ttlMs, nextInMs === null ? null : NOW + nextInMs) - NOW).toBe(expectedMs)
  })
})

const bump = (deadlineInMs: number, over: Partial<Parameters<typeof bumped>[1]> = {}) =>
  (bumped(NOW + deadlineInMs, { usedAt: NOW, bumpMs: HOUR, ttlMs: 8 * HOUR, nextStartAt: null, ...over }) - NOW) / MINUTE

const used = (over: Told = {}, ttlMs = 8 * HOUR) => {
  const seen = world({
    builds: [build({ queuedAt: NOW - 8 * HOUR, finishedAt: NOW - 7.5 * HOUR })],
    template: template({ policy: policy({ ttlMs }) }),
    activity: { lastUsedAt: NOW, sources: [] },
    ...over,
  })
  // As it was kept before anybody used it.
  return { ...seen, life: { ...seen.life, deadlineAt: NOW + 30 * MINUTE, deadlineBuild: seen.builds.at(-1)?.number ?? 1, ...over.life } }
}

const after = (seen: Seen) => minutesFrom(remembers(seen).deadlineAt)

describe('use moves the deadline', () => {
  test.each([
    ['less than the bump is left', bump(30 * MINUTE), 60],
    ['it has passed, and nothing has begun to stop it', bump(-5 * MINUTE), 60],
    ['too soon after the last time', bump(57 * MINUTE), 57],
    ['five per cent of the bump have passed', bump(57 * MINUTE - 1), 60],
    ['more than the bump is left: it never comes closer', bump(5 * HOUR), 300],
    ['crossing the next start: as if it began then', bump(30 * MINUTE, { nextStartAt: NOW + 40 * MINUTE }), 40 + 480],
    ['up to the next start', bump(30 * MINUTE, { nextStartAt: NOW + HOUR }), 60],
    ['the bump is zero', bump(MINUTE, { bumpMs: 0 }), 1],
  ])('%s', (_, minutes, expected) => {
    expect(minutes).toBe(expected)
  })

  test.each([
    ['while it runs', after(used()), 60],
    ['also when it is looked at later', minutesFrom(remembers(used(), NOW + 5 * MINUTE).deadlineAt), 60],
    ['its start has not finished: there is nothing to move', after(used({ builds: [running()] })), 30],
    ['it was stopped by hand', after(used({ builds: [stop(), build()] })), 30],
    ['its stop is under way', after(used({ builds: [running({ number: 2, transition: 'stop' }), build()] })), 30],
    ['it was used before it was started', after(used({ activity: { lastUsedAt: NOW - 8 * HOUR, sources: [] } })), 30],
    ['a required stop caps what counts', after(used({ life: { maxDeadlineAt: NOW + 45 * MINUTE } })), 60],
  ])('%s', (_, minutes, expected) => {
    expect(minutes).toBe(expected)
  })
  test('where a ttl of its own is forbidden, the template’s counts when the next start is crossed', () => {
    const seen = used({
      template: template({ policy: policy({ ttlMs: 2 * HOUR, ownTtl: false }) }),
      workspace: { schedule: { autostart: '30 8 * * *', ttlMs: 10 * HOUR } },
    })
    expect(after(seen)).toBe(30 + 120)
  })
})

const chosen = (over: Partial<Parameters<typeof policy>[0]>, schedule: Partial<Seen['workspace']['schedule']>) =>
  world({ template: template({ policy: policy(over) }), workspace: { schedule } })

describe('which ttl and which idleAfter count', () => {
  test('a workspace chooses its ttl where it may, and 0 is never', () => {
    const ttl = { ttlMs: 8 * HOUR }
    const worlds = [
      chosen(ttl, {}),
      chosen(ttl, { ttlMs: HOUR }),
      chosen(ttl, { ttlMs: 0 }),
      chosen({ ...ttl, ownTtl: false }, { ttlMs: HOUR }),
    ]
    expect(worlds.map((seen) => ttlOf(seen) / HOUR)).toEqual([8, 1, 0, 8])
  })
  test('idleAfter stays within the bounds of the template, and off is longer than any bound', () => {
    const bounds = { idleAfter: { defaultMs: 2 * HOUR, minMs: HOUR, maxMs: 4 * HOUR } }
    const open = { idleAfter: { defaultMs: 0, minMs: HOUR, maxMs: 0 } }
    const of = (over: typeof bounds, idleAfterMs: number | null) => idleAfterOf(chosen(over, { idleAfterMs })) / HOUR
    expect([of(bounds, null), of(bounds, 3 * HOUR), of(bounds, MINUTE), of(bounds, DAY), of(bounds, 0)]).toEqual([2, 3, 1, 4, 4])
    expect([of(open, null), of(open, 9 * HOUR), of(open, MINUTE), of(open, 0)]).toEqual([0, 9, 1, 0])
  })
})

describe('required stops', () => {
  const saturdays = { days: ['Sat'] as const, weeks: 1 }
  const utc = { timezone: 'UTC', quietHours: '00:00' }
  const berlin = { timezone: 'Europe/Berlin', quietHours: '03:30' }
  test.each([
    ['none', { days: [], weeks: 1 }, utc, '2026-11-18T12:00Z', null],
    // A Wednesday.
    ['the next required day', saturdays, utc, '2026-11-18T12:00Z', '2026-11-21T00:00'],
    ['in the zone of the owner', saturdays, berlin, '2026-11-18T12:00Z', '2026-11-21T02:30'],
    ['the day itself, before its quiet hours', saturdays, berlin, '2026-11-21T00:00Z', '2026-11-21T02:30'],
    ['less than two hours before them: the next time', saturdays, berlin, '2026-11-21T00:31Z', '2026-11-28T02:30'],
    [
      'every day: tomorrow',
      { days: ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'], weeks: 1 },
      utc,
      '2026-11-18T12:00Z',
      '2026-11-19T00:00',
    ],
    [
      'just before midnight, the night of the day counts',
      saturdays,
      { timezone: 'UTC', quietHours: '23:50' },
      '2026-11-18T12:00Z',
      '2026-11-20T23:50',
    ],
    // Weeks count from Monday 2023-01-02: this is week 202.
    ['fortnightly, from an odd week', { days: ['Sat'], weeks: 2 }, utc, '2026-11-25T12:00Z', '2026-12-05T00:00'],
    ['fortnightly, from an even week', { days: ['Sat'], weeks: 2 }, utc, '2026-11-18T12:00Z', '2026-12-05T00:00'],
    ['three-weekly', { days: ['Mon'], weeks: 3 }, utc, '2026-11-18T12:00Z', '2026-11-30T00:00'],
    ['before the first week', { days: ['Mon'], weeks: 2 }, utc, '2022-12-14T12:00Z', '2022-12-19T00:00'],
    [
      'quiet hours that do not exist in spring',
      { days: ['Sun'], weeks: 1 },
      { timezone: 'Europe/Berlin', quietHours: '02:30' },
      '2026-03-27T12:00Z',
      '2026-03-29T01:00',
    ],
    [
      'quiet hours that come twice in autumn',
      { days: ['Sun'], weeks: 1 },
      { timezone: 'Europe/Berlin', quietHours: '02:30' },
      '2026-10-23T12:00Z',
      '2026-10-25T00:30',
    ],
    [
      'a midnight that does not exist',
      { days: ['Sun'], weeks: 1 },
      { timezone: 'America/Sao_Paulo', quietHours: '00:00' },
      '2018-11-02T12:00Z',
      '2018-11-04T03:00',
    ],
  ] as const)('%s', (_, requirement, quiet, now, expected) => {
    expect(iso(requiredStop(requirement, quiet, at(now)))).toBe(expected)
  })

  test('no change of the clocks shifts a week', () => {
    const fortnightly = { days: ['Mon'] as const, weeks: 2 }
    const zone = 'America/New_York'
    const stops = Array.from({ length: 26 }, (_, i) =>
      requiredStop(fortnightly, { timezone: zone, quietHours: '00:00' }, at('2026-01-07T12:00Z') + i * 14 * DAY),
    )
    const walls = stops.map((stop) => wallOf(zone, stop ?? 0) - Date.UTC(2023, 0, 2))
    expect(walls.every((wall) => wall % (14 * DAY) === 0)).toBe(true)
    expect(new Set(stops.map((stop) => new Date(stop ?? 0).getUTCHours()))).toEqual(new Set([4, 5]))
  })
})

const ttl = (over: Told = {}, more: Partial<Parameters<typeof policy>[0]> = {}) =>
  world({
    builds: [build({ finishedAt: NOW })],
    agents: [agent()],
    template: template({ policy: policy({ ttlMs: 8 * HOUR, ...more }) }),
    ...over,
  })

const deadlines = (seen: Seen, now = NOW) => {
  const { deadlineAt, maxDeadlineAt, deadlineBuild } = remembers(seen, now)
  return { build: deadlineBuild, deadline: minutesFrom(deadlineAt), max: minutesFrom(maxDeadlineAt) }
}

const fresh = (seen: Seen): Seen => ({
  ...seen,
  life: { ...seen.life, deadlineBuild: null, deadlineAt: null, maxDeadlineAt: null, requirement: null },
})

const running_ = (finishedAt: number) => ttl({ builds: [build({ finishedAt })], life: { power: 'Running', deadlineAt: null } })

describe('what is remembered of deadlines', () => {
  const daily = { requirement: { days: ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'] as const, weeks: 1 } }

  test('they are computed when a start succeeds, from when it finished', () => {
    expect(deadlines(fresh(ttl()), NOW + MINUTE)).toEqual({ build: 1, deadline: 480, max: null })
    expect(deadlines(fresh(ttl({}, daily)))).toEqual({ build: 1, deadline: 480, max: 16 * 60 })
  })
  test('each start has its own', () => {
    const seen = ttl({
      builds: [build({ number: 2, reason: 'Updated', finishedAt: NOW }), build()],
      life: { deadlineBuild: 1, deadlineAt: NOW + MINUTE },
    })
    expect(deadlines(seen)).toEqual({ build: 2, deadline: 480, max: null })
  })
  test('a ttl that changes later moves nothing, and none at all clears it', () => {
    const seen = ttl()
    expect(deadlines({ ...seen, workspace: { ...seen.workspace, schedule: { ...seen.workspace.schedule, ttlMs: HOUR } } }).deadline).toBe(
      480,
    )
    expect(deadlines({ ...seen, workspace: { ...seen.workspace, schedule: { ...seen.workspace.schedule, ttlMs: 0 } } }).deadline).toBe(null)
  })
  test('a ttl that is set while it runs without one counts from its next start', () => {
    const seen = ttl({ life: { deadlineAt: null } })
    expect(deadlines(seen).deadline).toBe(null)
  })
  test('power Running has no deadline, but a required stop', () => {
    expect(deadlines(fresh(ttl({ workspace: { power: 'Running' } }, daily)))).toEqual({ build: 1, deadline: null, max: 16 * 60 })
  })
  test('power Running → Auto: what it would have been, and half an hour at least', () => {
    expect([deadlines(running_(NOW)).deadline, deadlines(running_(NOW - DAY)).deadline]).toEqual([480, 30])
  })
  test('an edit of the policy recomputes what runs, and stops nobody within two hours', () => {
    const seen = ttl({}, daily)
    const edited = (quietHours: string) => deadlines({ ...seen, owner: { ...seen.owner, quietHours } }).max
    // At 10:00 it would be in two hours, at 09:59 it is tomorrow, at 10:01 it is today.
    expect([edited('10:00'), edited('09:59'), edited('10:01'), edited('20:00')]).toEqual([120, 24 * 60 + 119, 121, 720])
    expect(deadlines({ ...seen, template: template({ policy: policy({ ttlMs: 8 * HOUR }) }) }).max).toBe(null)
  })
  test('an hour is skipped while it runs: it lasts as long', () => {
    const spring = at('2026-03-29T00:30Z')
    const seen = fresh(ttl({ builds: [build({ finishedAt: spring })], owner: { timezone: 'Europe/Berlin' } }))
    expect(remembers(seen, spring + SECOND).deadlineAt).toBe(spring + 8 * HOUR)
  })
})
