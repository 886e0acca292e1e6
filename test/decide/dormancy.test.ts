import { describe, expect, test } from 'vitest'
import { decide } from '../../controller/reconcile/workspace/decide.ts'
import type { Seen } from '../../controller/reconcile/workspace/seen.ts'
import { doesAt, remembers } from './does.ts'
import { build, DAY, failed, HOUR, MINUTE, NOW, policy, provisioner, request, stop, template, type Told, world } from './worlds.ts'

/** A workspace that nobody has used for thirty days, of a template that gives thirty, and seven more. */
const MONTH = 30 * DAY
const ago = (ms: number) => ({ queuedAt: NOW - ms, startedAt: NOW - ms, finishedAt: NOW - ms })
const patient = { dormantAfterMs: MONTH, deleteDormantAfterMs: 7 * DAY }
const unused = (more: Told = {}, over: Partial<Parameters<typeof policy>[0]> = {}) =>
  world({
    builds: [stop(ago(20 * DAY)), build(ago(21 * DAY))],
    activity: { lastUsedAt: NOW - MONTH - 1, sources: [] },
    template: template({ policy: policy({ ...patient, ...over }) }),
    ...more,
    workspace: { createdAt: NOW - 60 * DAY, ...more.workspace },
  })
const asleep = { dormantAt: NOW - 7 * DAY, deletingAt: NOW, deleteDormantAfterMs: 7 * DAY }
const dormant = (more: Told = {}) => unused({ ...more, life: { ...asleep, ...more.life } })
const later = (seen: Seen, ms: number): [Seen, number] => [{ ...seen, provisioners: [provisioner({ lastSeenAt: NOW + ms })] }, NOW + ms]
const state = (seen: Seen, now = NOW) => decide(seen, now).status['state']
const MARK = ['remember', 'tell Dormant']

describe('what nobody uses becomes dormant', () => {
  test.each([
    ['while it is stopped', unused(), MARK],
    ['while it is running: it is stopped, too', unused({ builds: [build(ago(21 * DAY))] }), [...MARK, 'stop 2 (Dormant)']],
    ['not at the limit itself', unused({ activity: { lastUsedAt: NOW - MONTH, sources: [] } }), []],
    ['never used: since it was made', unused({ activity: { lastUsedAt: null, sources: [] } }), MARK],
    ['never used, and made lately', unused({ activity: { lastUsedAt: null, sources: [] }, workspace: { createdAt: NOW - DAY } }), []],
    ['a hold counts as use', unused({ life: { holdUntil: NOW - DAY } }), []],
    ['it is off', unused({}, { dormantAfterMs: 0 }), []],
    ['its template is gone', unused({ template: null, versions: [], life: { policy: policy(patient) } }), []],
    ['power is Running', unused({ workspace: { power: 'Running' }, builds: [build(ago(21 * DAY))] }), []],
    ['somebody asks for it just then', unused({ requests: [request('Start')] }), ['start 3 (Requested for Start-uid)']],
    ['it is paused', unused({ workspace: { paused: true } }), []],
    [
      'it is marked already, and was not stopped before a crash',
      dormant({ builds: [build(ago(21 * DAY))], life: { deletingAt: null, deleteDormantAfterMs: 7 * DAY } }),
      ['stop 2 (Dormant)'],
    ],
  ])('%s', (_, seen, does) => {
    expect(doesAt(seen)).toEqual(does)
  })

  test('both instants in one', () => {
    const { dormantAt, deletingAt } = remembers(unused())
    const never = remembers(unused({}, { deleteDormantAfterMs: 0 }))
    expect([dormantAt, deletingAt, never.dormantAt, never.deletingAt]).toEqual([NOW, NOW + 7 * DAY, NOW, null])
  })
  test('its state says so, and it wakes for what comes', () => {
    const seen = dormant({ life: { deletingAt: NOW + DAY } })
    expect([state(seen), decide(seen, NOW).status['schedule'], decide(seen, NOW).wakeAt]).toEqual([
      'Dormant',
      { dormantAt: '2026-11-14T08:00:00Z', deletingAt: '2026-11-22T08:00:00Z' },
      NOW + DAY,
    ])
  })
})

describe('what is dormant for long expires', () => {
  const destroyed = build({ number: 3, transition: 'destroy', reason: 'Expired' })
  test.each([
    ['at its instant', dormant(), ['destroy 3 (Expired)']],
    ['a millisecond before', dormant({ life: { deletingAt: NOW + 1 } }), []],
    [
      'never, when that is off',
      dormant({
        template: template({ policy: policy({ ...patient, deleteDormantAfterMs: 0 }) }),
        life: { deletingAt: null, deleteDormantAfterMs: 0 },
      }),
      [],
    ],
    ['not while somebody asks for a start', dormant({ requests: [request('Start')] }), ['remember', 'start 3 (Requested for Start-uid)']],
    [
      'not while somebody asks for a restart',
      dormant({ requests: [request('Restart')] }),
      ['remember', 'start 3 (Requested for Restart-uid)'],
    ],
    ['also while somebody asks for a stop', dormant({ requests: [request('Stop')] }), ['destroy 3 (Expired)']],
    ['not under power Running', dormant({ workspace: { power: 'Running' } }), ['remember', 'start 3 (Policy)']],
    ['also under power Stopped', dormant({ workspace: { power: 'Stopped' } }), ['destroy 3 (Expired)']],
    ['not when its template is gone', dormant({ template: null, versions: [], life: { policy: policy(patient) } }), []],
    ['not while its owner is suspended', dormant({ owner: { suspended: true } }), []],
    ['once', dormant({ builds: [destroyed, ...unused().builds] }), []],
    ['it was never built: there is nothing to destroy', dormant({ builds: [] }), []],
  ])('%s', (_, seen, does) => {
    expect(doesAt(seen)).toEqual(does)
  })

  test('a destroy that failed is tried again after a day', () => {
    const seen = dormant({ builds: [failed({ ...ago(0), number: 3, transition: 'destroy', reason: 'Expired' }), ...unused().builds] })
    expect([doesAt(...later(seen, DAY - 1)), doesAt(...later(seen, DAY))]).toEqual([[], ['destroy 4 (Expired)']])
  })
  test('the object stays, and declared again it stays expired', () => {
    const seen = dormant({ builds: [destroyed, ...unused().builds], workspace: { parameters: { cpu: '4' } } })
    expect([state(seen), doesAt(seen), doesAt(...later(seen, 90 * DAY))]).toEqual(['Expired', [], []])
  })
  test('people are told when it happened', () => {
    const seen = dormant({ builds: [destroyed, ...unused().builds], workspace: { before: { build: { number: 3, phase: 'Running' } } } })
    expect(doesAt(seen)).toEqual(['tell Expired'])
  })
  test.each([
    ['by a start', dormant({ builds: [destroyed, ...unused().builds], requests: [request('Start')] }), 'start 4 (Requested for Start-uid)'],
    ['by power Running', dormant({ builds: [destroyed, ...unused().builds], workspace: { power: 'Running' } }), 'start 4 (Policy)'],
  ])('it is built anew %s', (_, seen, start) => {
    expect(doesAt(seen)).toEqual(['remember', start])
    const { dormantAt, deletingAt, usedAt } = remembers(seen)
    expect([dormantAt, deletingAt, usedAt]).toEqual([null, null, NOW])
  })
})

const edited = (deleteDormantAfterMs: number) =>
  remembers(
    dormant({
      life: { deletingAt: NOW + 3 * DAY, deleteDormantAfterMs: 10 * DAY },
      template: template({ policy: policy({ ...patient, deleteDormantAfterMs }) }),
    }),
  ).deletingAt

describe('a changed policy counts for those that are dormant already', () => {
  test('never to earlier than in a day', () => {
    expect([edited(30 * DAY), edited(8 * DAY), edited(HOUR), edited(0)]).toEqual([NOW + 23 * DAY, NOW + DAY, NOW + DAY, null])
  })
  test('the same policy read again changes nothing', () => {
    expect(doesAt(dormant({ life: { deletingAt: NOW + HOUR } }))).toEqual([])
  })
})

describe('what a failed start left is cleaned up', () => {
  const failures = (ms: number) => [5, 4, 3].map((number) => failed({ ...ago(ms), number }))
  const broken = (ms: number, more: Told = {}, failureTtlMs = 7 * DAY) =>
    world({
      builds: [...failures(ms), stop(ago(20 * DAY)), build(ago(21 * DAY))],
      template: template({ policy: policy({ failureTtlMs }) }),
      ...more,
    })
  test.each([
    ['at its instant', broken(7 * DAY), ['stop 6 (FailedCleanup)']],
    ['a millisecond before', broken(7 * DAY - 1), []],
    ['it is off', broken(9 * DAY, {}, 0), []],
    [
      'it has tries left',
      broken(9 * DAY, { builds: [failed({ ...ago(9 * DAY), number: 3 }), stop(ago(20 * DAY)), build(ago(21 * DAY))] }),
      ['start 4 (Retry)'],
    ],
    ['its inputs changed: they are tried first', broken(9 * DAY, { workspace: { parameters: { cpu: '4' } } }), ['start 6 (Retry)']],
    [
      'its template is gone: what it left goes all the same',
      broken(9 * DAY, { template: null, versions: [], life: { policy: policy({ failureTtlMs: 7 * DAY }) } }),
      ['stop 6 (FailedCleanup)'],
    ],
    ['none of it ever ran', broken(9 * DAY, { builds: failures(9 * DAY).map((job) => Object.assign(job, { startedAt: null })) }), []],
  ])('%s', (_, seen, does) => {
    expect(doesAt(seen)).toEqual(does)
  })
  test('and it wakes for it', () => {
    expect(decide(broken(7 * DAY - MINUTE), NOW).wakeAt).toBe(NOW + MINUTE)
  })
})

const seenAgo = (ms: number, labels = {}) => [provisioner({ lastSeenAt: NOW - ms, labels })]

describe('the provisioner gate', () => {
  const due = (more: Told = {}) =>
    world({ builds: [stop(ago(DAY)), build(ago(DAY))], workspace: { schedule: { autostart: '0 8 * * *' } }, ...more })
  const gpu = template({ labels: { gpu: 'yes' } })
  test.each([
    ['none', due({ provisioners: [] }), []],
    ['seen exactly ninety seconds ago', due({ provisioners: seenAgo(90_000) }), ['start 3 (Autostart)']],
    ['seen 90.001 seconds ago', due({ provisioners: seenAgo(90_001) }), []],
    ['with the wrong labels', due({ template: gpu, provisioners: seenAgo(0, { gpu: 'no' }) }), []],
    ['with the labels, and more', due({ template: gpu, provisioners: seenAgo(0, { gpu: 'yes', zone: 'a' }) }), ['start 3 (Autostart)']],
    [
      'a person’s request passes all the same',
      due({ provisioners: [], requests: [request('Start')] }),
      ['start 3 (Requested for Start-uid)'],
    ],
    [
      'a stop by the clock waits for one as well',
      dormant({ provisioners: [], builds: [build(ago(DAY))], life: { deletingAt: null, deleteDormantAfterMs: 7 * DAY } }),
      [],
    ],
  ])('%s', (_, seen, does) => {
    expect(doesAt(seen)).toEqual(does)
  })
  test('while a provisioner is still starting nobody is alarmed: the event comes after ten seconds', () => {
    const held = decide(due({ provisioners: [] }), NOW)
    const condition = held.conditions.find(({ type }) => type === 'Reconciling')
    expect([condition?.reason, held.wakeAt, held.actions]).toEqual(['NoProvisioner', NOW + 10_000, []])
    const conditions = [
      {
        type: 'Reconciling',
        status: 'True' as const,
        reason: 'NoProvisioner',
        message: condition?.message ?? '',
        observedGeneration: 1,
        lastTransitionTime: new Date(NOW).toISOString(),
      },
    ]
    const waiting = due({ provisioners: [], workspace: { schedule: { autostart: '0 8 * * *' }, before: { conditions } } })
    expect([doesAt(waiting, NOW + 9_999), doesAt(waiting, NOW + 10_000)]).toEqual([[], ['tell NoProvisioner']])
  })
})
