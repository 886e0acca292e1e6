import { describe, expect, test } from 'vitest'
import { decide } from '../../controller/reconcile/workspace/decide.ts'
import type { AgentSeen, Seen } from '../../controller/reconcile/workspace/seen.ts'
import { doesAt, remembers } from './does.ts'
import { summary } from './summary.ts'
import {
  agent,
  build,
  DAY,
  failed,
  HOUR,
  lookLost,
  MINUTE,
  NOW,
  policy,
  request,
  running,
  SECOND,
  silentAgent,
  stop,
  template,
  type Told,
  world,
} from './worlds.ts'

/** Started eight hours ago for eight hours, which are over; its agent has nothing to do before it stops. */
const quietAgent = (over: Partial<AgentSeen> = {}) => agent({ lifecycle: 'Off', readyAt: NOW - 2 * HOUR, ...over })
const over = (more: Told = {}) =>
  world({
    builds: [build({ queuedAt: NOW - 9 * HOUR, finishedAt: NOW - 8 * HOUR })],
    agents: [quietAgent()],
    template: template({ policy: policy({ ttlMs: 8 * HOUR }) }),
    ...more,
    life: { deadlineAt: NOW, warnedAt: NOW, ...more.life },
  })
const STOP = ['stop 2 (Deadline)']

type Row = readonly [sentence: string, seen: Seen, now: number, does: readonly string[]]

const AUTOSTOP: readonly Row[] = [
  ['its deadline has come', over(), NOW, STOP],
  ['a millisecond before', over(), NOW - 1, []],
  ['it was extended', over({ life: { deadlineAt: NOW + HOUR } }), NOW, []],
  ['it is held', over({ life: { holdUntil: NOW + 1, warnedAt: NOW + 1 } }), NOW, []],
  ['its hold is over', over({ life: { holdUntil: NOW } }), NOW, STOP],
  ['a required stop does not wait for a hold', over({ life: { holdUntil: NOW + HOUR, maxDeadlineAt: NOW } }), NOW, STOP],
  ['it was used a moment ago', over({ activity: { lastUsedAt: NOW - MINUTE, sources: [] } }), NOW, ['remember']],
  ['it is stopped already', over({ builds: [stop(), build()] }), NOW, []],
  ['it has no deadline', over({ life: { deadlineAt: null } }), NOW, []],
  [
    'the deadline of an earlier start says nothing',
    over({ life: { deadlineBuild: 0, deadlineAt: NOW }, builds: [build({ finishedAt: NOW - MINUTE })] }),
    NOW,
    ['remember'],
  ],
  ['its ttl is cleared', over({ workspace: { schedule: { ttlMs: 0 } } }), NOW, ['remember']],
  [
    'its stop failed: it is tried again',
    over({ builds: [failed({ number: 2, transition: 'stop', reason: 'Deadline', finishedAt: NOW - 11 * SECOND }), ...over().builds] }),
    NOW,
    ['stop 3 (Deadline)'],
  ],
  [
    'its stop failed: not at once',
    over({ builds: [failed({ number: 2, transition: 'stop', reason: 'Deadline', finishedAt: NOW - 9 * SECOND }), ...over().builds] }),
    NOW,
    [],
  ],
  [
    'its update failed for good: the deadline holds all the same',
    over({ builds: [failed({ number: 4 }), failed({ number: 3 }), failed({ number: 2 }), ...over().builds] }),
    NOW,
    ['stop 5 (Deadline)'],
  ],
  [
    'an update waits for its plan to be approved: the deadline holds',
    over({ workspace: { approval: 'Plan', parameters: { cpu: '4' } } }),
    NOW,
    STOP,
  ],
  ['an update is being built: it is finished first', over({ builds: [running({ number: 2 }), ...over().builds] }), NOW, []],
  ['its owner is suspended: at once', over({ owner: { suspended: true }, life: { deadlineAt: NOW + HOUR } }), NOW, ['stop 2 (Suspended)']],
  ['just after a start of the controller agents may speak first', over({ controllerStartedAt: NOW - 59 * SECOND }), NOW, []],
  ['a minute after it', over({ controllerStartedAt: NOW - MINUTE }), NOW, STOP],
  ['just after the clock jumped', over({ clockJumpedAt: NOW - 59 * SECOND }), NOW, []],
  ['a minute after that', over({ clockJumpedAt: NOW - MINUTE }), NOW, STOP],
  ['a required stop waits for agents, too', over({ controllerStartedAt: NOW, life: { maxDeadlineAt: NOW } }), NOW, []],
  ['a suspended owner does not wait for them', over({ controllerStartedAt: NOW, owner: { suspended: true } }), NOW, ['stop 2 (Suspended)']],
  ['power Running has no deadline', over({ workspace: { power: 'Running' } }), NOW, ['remember']],
  [
    'power Running meets a required stop',
    over({ workspace: { power: 'Running' }, life: { power: 'Running', deadlineAt: null, maxDeadlineAt: NOW } }),
    NOW,
    STOP,
  ],
  [
    'and is started again after it',
    over({
      workspace: { power: 'Running' },
      life: { power: 'Running', deadlineAt: null, maxDeadlineAt: NOW },
      builds: [stop({ reason: 'Deadline' }), ...over().builds],
    }),
    NOW,
    ['start 3 (Policy)'],
  ],
  ['it is paused', over({ workspace: { paused: true } }), NOW, []],
  ['somebody asks for a start of what is over: it runs, and the deadline comes after', over({ requests: [request('Start')] }), NOW, []],
  [
    'its template is gone: the deadline holds',
    over({ template: null, versions: [], life: { policy: policy({ ttlMs: 8 * HOUR }) } }),
    NOW,
    STOP,
  ],
  ['its machine is gone as well: it is stopped, not begun again', over({ agents: [silentAgent(8 * SECOND)], look: lookLost() }), NOW, STOP],
  [
    'its machine is gone while it is held past its deadline',
    over({ agents: [silentAgent(8 * SECOND)], look: lookLost(), life: { holdUntil: NOW + HOUR } }),
    NOW,
    [],
  ],
]

describe('a deadline stops a workspace', () => {
  test.each(AUTOSTOP)('%s', (_, seen, now, does) => {
    expect(doesAt(seen, now)).toEqual(does)
  })
})

/** Started two hours ago, and stopped when nobody uses it for an hour. */
const idle = (more: Told = {}) =>
  world({
    builds: [build({ queuedAt: NOW - 2.1 * HOUR, finishedAt: NOW - 2 * HOUR })],
    agents: [quietAgent({ readyAt: NOW - 2 * HOUR })],
    template: template({ policy: policy({ idleAfter: { defaultMs: HOUR, minMs: 0, maxMs: 0 } }) }),
    ...more,
  })
const used = (ago: number): Told => ({ activity: { lastUsedAt: NOW - ago, sources: [{ kind: 'Ssh', at: NOW - ago, by: 'ada' }] } })
const neverCame = agent({
  status: 'Timeout',
  firstConnectedAt: null,
  connectedAt: null,
  lastSeenAt: null,
  lifecycle: 'Created',
  reportedAt: null,
  readyAt: null,
})

const IDLE: readonly (readonly [sentence: string, seen: Seen, stops: boolean])[] = [
  ['never used since its start', idle(), true],
  ['used an hour ago', idle(used(HOUR)), true],
  ['used a moment less ago', idle(used(HOUR - 1)), false],
  [
    'used yesterday and started this morning: its start counts',
    idle({ ...used(DAY), builds: [build({ finishedAt: NOW - 30 * MINUTE })], agents: [quietAgent({ readyAt: NOW - 30 * MINUTE })] }),
    false,
  ],
  ['its start scripts took an hour: it counts from when they ended', idle({ agents: [quietAgent({ readyAt: NOW - HOUR + 1 })] }), false],
  ['its start scripts are running', idle({ agents: [agent({ lifecycle: 'Starting', readyAt: null })] }), false],
  ['its agent is silent: silence is no evidence', idle({ agents: [quietAgent({ reportedAt: NOW - HOUR })] }), false],
  ['its agent spoke sixty seconds ago', idle({ agents: [quietAgent({ reportedAt: NOW - MINUTE })] }), true],
  ['its agent spoke a moment before that', idle({ agents: [quietAgent({ reportedAt: NOW - MINUTE - 1 })] }), false],
  ['its agent never said anything of use', idle({ agents: [quietAgent({ reportedAt: null })] }), false],
  ['one of two agents is silent', idle({ agents: [quietAgent(), quietAgent({ id: 'b', reportedAt: NOW - HOUR })] }), false],
  ['it has no agent: nobody could tell', idle({ agents: [] }), false],
  [
    'its agent never connected in time: nobody can use it',
    idle({ agents: [neverCame], look: lookLost({ queuedAt: NOW, finishedAt: NOW, result: { machines: [] } }) }),
    true,
  ],
  ['its agent may still connect', idle({ agents: [{ ...neverCame, status: 'Connecting' }] }), false],
  ['one never came, the other is fresh', idle({ agents: [quietAgent(), { ...neverCame, id: 'b' }] }), true],
  ['it is held', idle({ life: { holdUntil: NOW + HOUR } }), false],
  ['its hold ended half an hour ago: a hold is use', idle({ life: { holdUntil: NOW - 30 * MINUTE } }), false],
  ['idleAfter is off', idle({ workspace: { schedule: { idleAfterMs: 0 } } }), false],
  ['power is Running', idle({ workspace: { power: 'Running' } }), false],
  ['just after a start of the controller', idle({ controllerStartedAt: NOW - 30 * SECOND }), false],
  [
    'its template is gone',
    idle({ template: null, versions: [], life: { policy: policy({ idleAfter: { defaultMs: HOUR, minMs: 0, maxMs: 0 } }) } }),
    true,
  ],
  ['it is stopped', idle({ builds: [stop(), build()] }), false],
]

describe('idleness stops a workspace', () => {
  test.each(IDLE)('%s', (_, seen, stops) => {
    expect(doesAt(seen).includes('stop 2 (Idle)')).toBe(stops)
  })

  test('a deadline that comes first stops it first, and both are told', () => {
    const seen = idle({
      ...used(30 * MINUTE),
      template: template({ policy: policy({ ttlMs: 8 * HOUR, activityBumpMs: 0, idleAfter: { defaultMs: HOUR, minMs: 0, maxMs: 0 } }) }),
    })
    const { status, wakeAt } = decide(seen, NOW)
    expect(status['schedule']).toEqual({
      stops: '2026-11-21T08:30:00Z Idle',
      deadline: '2026-11-21T14:00:00Z',
      idleAt: '2026-11-21T08:30:00Z',
    })
    expect(wakeAt).toBe(NOW + 59 * SECOND)
  })
  test('while evidence is missing, nobody is promised an instant, and it is looked at again', () => {
    const { status, wakeAt } = decide(idle({ agents: [quietAgent({ reportedAt: null, lastSeenAt: NOW })] }), NOW)
    expect([status['schedule'], wakeAt]).toEqual([undefined, NOW + MINUTE])
  })
})

const soon = (deadlineInMs: number, more: Told = {}) =>
  over({ ...more, life: { deadlineAt: NOW + deadlineInMs, warnedAt: null, ...more.life } })

describe('people are warned', () => {
  const WARNED = ['remember', 'tell StopsSoon']
  test.each([
    ['half an hour before', soon(30 * MINUTE), WARNED],
    ['not earlier', soon(30 * MINUTE + 1), []],
    ['once for each deadline', soon(20 * MINUTE, { life: { warnedAt: NOW + 20 * MINUTE } }), []],
    ['again when the deadline moved', soon(20 * MINUTE, { life: { warnedAt: NOW } }), WARNED],
    [
      'not while somebody uses it',
      soon(20 * MINUTE, {
        activity: { lastUsedAt: NOW - 59 * SECOND, sources: [] },
        template: template({ policy: policy({ ttlMs: HOUR, activityBumpMs: 0 }) }),
      }),
      [],
    ],
    ['of the end of a hold, where that is later', soon(-MINUTE, { life: { holdUntil: NOW + 29 * MINUTE } }), WARNED],
    ['not while a hold lasts longer', soon(-MINUTE, { life: { holdUntil: NOW + HOUR } }), []],
    ['of a required stop, hold or not', soon(9 * HOUR, { life: { holdUntil: NOW + 9 * HOUR, maxDeadlineAt: NOW + 10 * MINUTE } }), WARNED],
    ['not when it is paused: nothing stops it', soon(MINUTE, { workspace: { paused: true } }), []],
    ['not when it is stopped for another reason', soon(MINUTE, { workspace: { power: 'Stopped' } }), ['stop 2 (Policy)']],
  ])('%s', (_, seen, does) => {
    expect(doesAt(seen)).toEqual(does)
  })
  test('with the instant, and what they can do', () => {
    const told = decide(soon(30 * MINUTE), NOW).actions.find((action) => action.do === 'emit')
    expect(told?.do === 'emit' && told.happening).toMatchObject({
      type: 'Normal',
      reason: 'StopsSoon',
      note: 'It stops at 2026-11-21T08:30:00Z (Deadline) unless somebody uses or extends it.',
    })
    expect(remembers(soon(30 * MINUTE)).warnedAt).toBe(NOW + 30 * MINUTE)
  })
  test('what is in use is looked at again when it is not', () => {
    const inUse = soon(20 * MINUTE, {
      agents: [],
      activity: { lastUsedAt: NOW - 10 * SECOND, sources: [] },
      template: template({ policy: policy({ ttlMs: HOUR, activityBumpMs: 0 }) }),
    })
    expect(decide(inUse, NOW).wakeAt).toBe(NOW + 50 * SECOND)
  })
})

const able = agent({ lastSeenAt: NOW })

const asked = (ago: number) =>
  over({
    owner: { suspended: true },
    life: { suspended: true },
    agents: [{ ...able, lifecycle: 'ShuttingDown', shutdownRequestedAt: NOW - ago }],
  })

describe('before it stops', () => {
  test('agents are asked to shut down, and their scripts get two minutes', () => {
    const asked = (ago: number) => over({ agents: [{ ...able, lifecycle: 'ShuttingDown', shutdownRequestedAt: NOW - ago }] })
    expect([doesAt(over({ agents: [able] })), doesAt(asked(MINUTE)), doesAt(asked(2 * MINUTE))]).toEqual([
      ['wish-shutdown'],
      [],
      ['stop 2 (Deadline) telling ShutdownTimeout'],
    ])
  })
  test('ten seconds when the owner is suspended', () => {
    expect([doesAt(asked(9 * SECOND)), doesAt(asked(10 * SECOND))]).toEqual([[], ['stop 2 (Suspended) telling ShutdownTimeout']])
  })
  test('an agent that is not connected is not waited for', () => {
    expect(doesAt(over({ agents: [silentAgent(4 * SECOND)] }))).toEqual(STOP)
  })
})

const lost = (more: Told = {}) =>
  over({ agents: [silentAgent(8 * SECOND)], look: lookLost(), ...more, life: { deadlineAt: NOW + HOUR, ...more.life } })

describe('what was lost is begun again', () => {
  const losses = [4, 3, 2].map((number) =>
    build({ number, reason: 'MachineLost', queuedAt: NOW - number * MINUTE, finishedAt: NOW - number * MINUTE }),
  )
  test.each([
    ['under Auto', lost(), ['start 2 (MachineLost) telling MachineLost']],
    [
      'under Running',
      lost({ workspace: { power: 'Running' }, life: { power: 'Running', deadlineAt: null } }),
      ['start 2 (MachineLost) telling MachineLost'],
    ],
    [
      'right after a start of the controller: this does not wait',
      lost({ controllerStartedAt: NOW - SECOND }),
      ['start 2 (MachineLost) telling MachineLost'],
    ],
    ['past its deadline: not', lost({ life: { deadlineAt: NOW, holdUntil: NOW + HOUR } }), []],
    ['four times in an hour: not', lost({ builds: [...losses, build()], life: { deadlineBuild: 4 } }), []],
  ])('%s', (_, seen, does) => {
    expect(doesAt(seen)).toEqual(does)
  })
})

describe('what changes at once waits for the clock', () => {
  const changed = { parameters: { cpu: '4' } }
  const hourLong: Told = { life: { deadlineAt: NOW + HOUR } }
  test.each([
    ['while it runs: one start build', over({ ...hourLong, workspace: changed }), ['start 2 (Updated)']],
    ['while it runs past its deadline: it stops', over({ workspace: changed }), STOP],
    ['while it sleeps: nothing', over({ ...hourLong, workspace: changed, builds: [stop(), build()] }), []],
    [
      'after three failures of other inputs: today’s are tried',
      over({
        ...hourLong,
        workspace: changed,
        builds: [failed({ number: 4 }), failed({ number: 3 }), failed({ number: 2 }), ...over().builds],
      }),
      ['start 5 (Retry)'],
    ],
  ])('%s', (_, seen, does) => {
    expect(doesAt(seen)).toEqual(does)
  })
})

const before = (ago: number) => ({ lastUsedAt: NOW - ago, sources: [{ kind: 'Ssh' as const, at: NOW - ago, by: 'ada' }] })

const statusOf = (ago: number) => {
  const { status, unhurried } = decide(idle({ ...used(0), workspace: { before: { activity: before(ago) } } }), NOW)
  return [status['activity'], unhurried?.['activity']]
}

const shown = (at: string) => ({ lastUsedAt: at, sources: [{ kind: 'Ssh', at, by: 'ada' }] })

const said = (reason: 'Deadline' | 'Idle' | 'Dormant' | 'FailedCleanup') =>
  summary(decide(over({ builds: [stop({ reason }), build()] }), NOW)).ready

describe('status tells of use without a write for each', () => {
  test('less than a quarter of an hour old, it stands', () => {
    expect(statusOf(15 * MINUTE)).toEqual([shown('2026-11-21T08:00:00Z'), shown('2026-11-21T07:45:00Z')])
  })
  test('older, it is written', () => {
    expect(statusOf(15 * MINUTE + SECOND)).toEqual([shown('2026-11-21T08:00:00Z'), undefined])
  })
  test('the column of the next stop is an instant, and does not change by the minute', () => {
    const seen = over({ life: { deadlineAt: NOW + HOUR } })
    const stops = [NOW, NOW + MINUTE].map((now) => decide(seen, now).status['schedule'])
    expect(stops[0]).toEqual({ stops: '2026-11-21T09:00:00Z Deadline', deadline: '2026-11-21T09:00:00Z' })
    expect(stops[1]).toEqual(stops[0])
  })
  test('what stopped it is told', () => {
    expect((['Deadline', 'Idle', 'Dormant', 'FailedCleanup'] as const).map(said)).toEqual(Array(4).fill('True Stopped'))
  })
})
