import { describe, expect, test } from 'vitest'
import { decide } from '../../controller/reconcile/workspace/decide.ts'
import type { Seen } from '../../controller/reconcile/workspace/seen.ts'
import { doesAt, remembers } from './does.ts'
import {
  agent,
  build,
  canceled,
  DAY,
  failed,
  HOUR,
  MINUTE,
  NOW,
  parameter,
  policy,
  provisioner,
  request,
  running,
  SECOND,
  stop,
  template,
  type Told,
  V1,
  V2,
  version,
  world,
} from './worlds.ts'

/** NOW is eight o'clock on a Saturday. */
const EIGHT = { autostart: '0 8 * * *' }
const yesterday = { queuedAt: NOW - DAY, startedAt: NOW - DAY, finishedAt: NOW - DAY }
const asleep = (over: Told = {}) =>
  world({ builds: [stop(yesterday), build(yesterday)], ...over, workspace: { schedule: EIGHT, ...over.workspace } })
const served = (seen: Seen, now: number): Seen => ({ ...seen, provisioners: [provisioner({ lastSeenAt: now })] })
const newest = (over: Parameters<typeof stop>[0]) => [stop({ number: 9, ...over }), build(yesterday)]

type Row = readonly [sentence: string, seen: Seen, now: number, does: readonly string[]]

const START = ['start 3 (Autostart)']

const ROWS: readonly Row[] = [
  ['it is due', asleep(), NOW + MINUTE, START],
  ['it is due at its instant: equality counts', asleep(), NOW, START],
  ['a millisecond before, it is too early', asleep(), NOW - 1, []],
  ['it is not enabled', asleep({ workspace: { schedule: {} } }), NOW, []],
  ['it is running already', asleep({ builds: [build(yesterday)] }), NOW, []],
  ['it is being started', asleep({ builds: [running({ number: 3 }), stop(yesterday), build(yesterday)] }), NOW, []],
  [
    'it is being stopped',
    asleep({ builds: [running({ ...yesterday, number: 3, transition: 'stop', finishedAt: null }), build(yesterday)] }),
    NOW,
    [],
  ],
  ['its owner is suspended', asleep({ owner: { suspended: true } }), NOW, []],
  ['its owner was restored after it: not at once', asleep({ life: { restoredAt: NOW + 1 } }), NOW + MINUTE, []],
  ['its owner was restored before it', asleep({ life: { restoredAt: NOW - 1 } }), NOW, START],
  ['power became Auto after it', asleep({ life: { autoAt: NOW + 1 } }), NOW + MINUTE, []],
  ['the schedule was first seen after it', asleep({ life: { scheduleSeenAt: NOW + 1 } }), NOW + MINUTE, []],
  ['the schedule was first seen at it', asleep({ life: { scheduleSeenAt: NOW } }), NOW, []],
  ['the newest build was made after it', asleep({ builds: newest({ queuedAt: NOW + 1 }) }), NOW + MINUTE, []],
  ['the newest build was made before it', asleep({ builds: newest({ queuedAt: NOW - 1 }) }), NOW, ['start 10 (Autostart)']],
  ['power is Stopped', asleep({ workspace: { schedule: EIGHT, power: 'Stopped' } }), NOW, []],
  ['it is paused', asleep({ workspace: { schedule: EIGHT, paused: true } }), NOW, []],
  [
    'its template does not allow it',
    asleep({ template: template({ policy: policy({ autostart: { allowed: false, days: ['Sat'] } }) }) }),
    NOW,
    [],
  ],
  [
    'the day is not allowed',
    asleep({ template: template({ policy: policy({ autostart: { allowed: true, days: ['Fri', 'Sun'] } }) }) }),
    NOW,
    [],
  ],
  ['the day is allowed', asleep({ template: template({ policy: policy({ autostart: { allowed: true, days: ['Sat'] } }) }) }), NOW, START],
  ['its template is gone', asleep({ template: null, versions: [] }), NOW, []],
  ['its template is being deleted', asleep({ template: template({ deleting: true }) }), NOW, []],
  ['it is dormant', asleep({ life: { dormantAt: NOW - HOUR, deleteDormantAfterMs: 0 } }), NOW, []],
  ['its schedule cannot be read', asleep({ workspace: { schedule: { autostart: 'CRON_TZ=Mars/Base 0 8 * * *' } } }), NOW, []],
  ['it was never built: that comes first, and is one start', asleep({ builds: [] }), NOW, ['start 1 (Autostart)']],
  ['due two hours ago, as when nobody could start it', served(asleep(), NOW + 2 * HOUR), NOW + 2 * HOUR, START],
  ['due longer ago: it is missed, and said once', asleep(), NOW + 2 * HOUR + 1, ['remember', 'tell AutostartMissed']],
  ['missed and said already', asleep({ life: { missedAt: NOW } }), NOW + 3 * HOUR, []],
  ['missed once, due the next day', served(asleep({ life: { missedAt: NOW } }), NOW + DAY), NOW + DAY, START],
  [
    'two instants passed: the later counts, once',
    served(asleep({ workspace: { schedule: { autostart: '0 7,8 * * *' } } }), NOW),
    NOW,
    START,
  ],
  ['there is no provisioner', asleep({ provisioners: [] }), NOW, []],
  ['somebody stops it while it is due: a person comes first', asleep({ requests: [request('Stop')] }), NOW, []],
]

describe('a schedule starts a workspace', () => {
  test.each(ROWS)('%s', (_, seen, now, does) => {
    expect(doesAt(seen, now)).toEqual(does)
  })
})

const berlin = (over: Told = {}) => {
  const seen = asleep({ ...over, workspace: { schedule: { autostart: 'CRON_TZ=Europe/Berlin 30 2 * * *' } } })
  return { ...seen, builds: [], life: { ...seen.life, scheduleSeenAt: 0 } }
}

const startsAt = (text: string) => {
  const now = Date.parse(text)
  // Nothing was built lately, and nothing that was never built is in the way.
  const old = { queuedAt: now - 2 * DAY, startedAt: now - 2 * DAY, finishedAt: now - 2 * DAY }
  return doesAt(served({ ...berlin(), builds: [stop(old), build(old)] }, now), now).includes('start 3 (Autostart)')
}

describe('clocks that change', () => {
  test('a local time that does not exist runs at the next valid instant', () => {
    expect(['2026-03-28T01:29:59Z', '2026-03-29T00:59:59Z', '2026-03-29T01:00:00Z'].map(startsAt)).toEqual([false, false, true])
  })
  test('one that occurs twice runs once', () => {
    const first = Date.parse('2026-10-25T00:30:00Z')
    expect(['2026-10-25T00:29:59Z', '2026-10-25T00:30:00Z'].map(startsAt)).toEqual([false, true])
    const ran = { queuedAt: first, startedAt: first, finishedAt: first }
    const again = { ...berlin(), builds: [stop({ ...ran, number: 4 }), build({ ...ran, number: 3 })] }
    expect(doesAt(served(again, first + HOUR), first + HOUR)).toEqual(['tell Stopped'])
  })
})

const started = (seen: Seen) => {
  const queue = decide(seen, NOW).actions.find((action) => action.do === 'queue-build')
  return queue?.do === 'queue-build'
    ? { digest: queue.build.digest, parameters: queue.build.input.parameters, class: queue.build.class }
    : null
}

describe('what it is started with', () => {
  const input = build().input
  const withFour = build({ ...yesterday, input: input && { ...input, parameters: { cpu: '4' } } })
  const twoVersions = [version(), version({ digest: V2 })]

  test('the parameters of the previous build, and after the builds of people', () => {
    expect(started(asleep({ builds: [stop(yesterday), withFour] }))).toEqual({ digest: V1, parameters: { cpu: '4' }, class: 'clock' })
  })
  test('a new active version is not taken by hand, and is where it is automatic or required', () => {
    const active = template({ activeDigest: V2 })
    const with_ = (over: Told) => started(asleep({ template: active, versions: twoVersions, ...over }))?.digest
    expect([
      with_({}),
      with_({ workspace: { schedule: EIGHT, updates: 'Automatic' } }),
      with_({ template: template({ activeDigest: V2, requireActiveVersion: true }) }),
    ]).toEqual([V1, V2, V2])
  })
  test('a new required parameter without a value is nobody’s to guess: Stalled, and nothing is tried', () => {
    const demanding = version({ digest: V2, parameters: [parameter(), parameter({ name: 'zone', required: true, default: null })] })
    const seen = asleep({ template: template({ activeDigest: V2, requireActiveVersion: true }), versions: [version(), demanding] })
    const { actions, conditions } = decide(seen, NOW)
    expect(actions).toEqual([])
    expect(conditions.find(({ type }) => type === 'Stalled')?.reason).toBe('ParameterInvalid')
  })
})

const failedAt = (at: number, number: number, reason: 'Autostart' | 'Retry') =>
  failed({ number, reason, queuedAt: at, startedAt: at, finishedAt: at })

describe('after a failed build', () => {
  const history = [stop(yesterday), build(yesterday)]
  const outOfTries = [failedAt(NOW - HOUR, 5, 'Retry'), failedAt(NOW - HOUR, 4, 'Retry'), failedAt(NOW - HOUR, 3, 'Retry'), ...history]

  test('an autostart counts as a new first try', () => {
    expect(doesAt(asleep({ builds: outOfTries }))).toEqual(['start 6 (Autostart)'])
  })
  test('also after somebody canceled the last one', () => {
    const seen = asleep({ builds: [canceled('request cancel-1', { ...yesterday, number: 3 }), ...history] })
    expect(doesAt(seen)).toEqual(['start 4 (Autostart)'])
  })
  test('its own failures are tried again, three times in all', () => {
    const once = [failedAt(NOW, 6, 'Autostart'), ...outOfTries]
    const three = [failedAt(NOW, 8, 'Retry'), failedAt(NOW, 7, 'Retry'), ...once]
    const later = NOW + 11 * SECOND
    expect(doesAt(served(asleep({ builds: once }), later), later)).toEqual(['start 7 (Retry)'])
    expect(doesAt(served(asleep({ builds: three }), NOW + HOUR), NOW + HOUR)).toEqual([])
  })
  test('and not again without end: only at its next instant', () => {
    const three = [failedAt(NOW, 8, 'Retry'), failedAt(NOW, 7, 'Retry'), failedAt(NOW, 6, 'Autostart'), ...history]
    const at = (now: number) => doesAt(served(asleep({ builds: three }), now), now)
    expect([at(NOW + DAY - 1), at(NOW + DAY)]).toEqual([[], ['start 9 (Autostart)']])
  })
  test('a failed update of what runs is no reason to start it by the clock', () => {
    const seen = asleep({
      builds: [failedAt(NOW - HOUR, 4, 'Retry'), failedAt(NOW - HOUR, 3, 'Retry'), failedAt(NOW - HOUR, 2, 'Retry'), build(yesterday)],
    })
    expect(doesAt(seen)).toEqual([])
  })
})

describe('what is remembered of a schedule', () => {
  test('a schedule that changes, or whose zone does, is seen anew', () => {
    const seen = asleep()
    const changes: Partial<Seen>[] = [
      { workspace: { ...seen.workspace, schedule: { ...seen.workspace.schedule, autostart: '0 7 * * *' } } },
      { owner: { ...seen.owner, timezone: 'Asia/Tokyo' } },
    ]
    expect(changes.map((change) => remembers({ ...seen, ...change }, NOW + MINUTE).scheduleSeenAt)).toEqual([NOW + MINUTE, NOW + MINUTE])
    // Only then: what is due stays due.
    expect(remembers(seen, NOW + MINUTE).scheduleSeenAt).toBe(NOW - 7 * DAY)
  })
  test('an owner who is restored, and power that becomes Auto, are remembered with their instant', () => {
    const restored = remembers(asleep({ life: { suspended: true } }))
    const auto = remembers(asleep({ life: { power: 'Stopped' } }))
    expect([restored.restoredAt, restored.suspended, auto.autoAt, auto.power]).toEqual([NOW, false, NOW, 'Auto'])
  })
  test('its next instant wakes it, and status tells it', () => {
    const seen = asleep({ agents: [] })
    const { status, wakeAt } = decide(seen, NOW - HOUR)
    expect([status['schedule'], wakeAt]).toEqual([{ nextStart: '2026-11-21T08:00:00Z' }, NOW])
  })
  test('a schedule that cannot be read is said, and keeps nothing else from being well', () => {
    const seen = asleep({ builds: [build(yesterday)], agents: [agent()], workspace: { schedule: { autostart: '0 8 1 * *' } } })
    const said = decide(seen, NOW).conditions.map(({ type, status, reason }) => `${type} ${status} ${reason}`)
    expect(said).toEqual(['Ready True Running', 'Running True Running', 'Scheduled False ScheduleInvalid'])
  })
})
