import { expect, test } from 'vitest'
import type { Activity } from '../../controller/store/activity.ts'
import { scheduleZone } from '../../controller/reconcile/workspace/schedule/autostart.ts'
import { simulate } from '../../controller/reconcile/workspace/simulate.ts'
import type { Seen } from '../../controller/reconcile/workspace/seen.ts'
import { agent, build, DAY, HOUR, MINUTE, NOW, policy, request, running, stop, template, type Told, world } from './worlds.ts'

/** NOW is eight o'clock on a Saturday. */
const officeHours = (more: Told = {}) =>
  world({
    builds: [stop({ queuedAt: NOW - DAY, finishedAt: NOW - DAY }), build({ queuedAt: NOW - 2 * DAY, finishedAt: NOW - 2 * DAY })],
    agents: [agent()],
    template: template({ policy: policy({ ttlMs: 8 * HOUR, dormantAfterMs: 30 * DAY, deleteDormantAfterMs: 7 * DAY }) }),
    activity: { lastUsedAt: NOW - DAY, sources: [] },
    ...more,
    workspace: { schedule: { autostart: '0 9 * * 1-5' }, ...more.workspace },
  })

const told = (seen: Seen, untilMs: number, uses: readonly Activity[] = []) =>
  simulate(seen, NOW, NOW + untilMs, uses).map(({ at, wants, reason }) => `${new Date(at).toISOString().slice(0, 16)} ${wants} ${reason}`)

test('each start and stop until then, with its reason', () => {
  expect(told(officeHours(), 4 * DAY)).toEqual([
    '2026-11-23T09:00 running Autostart',
    '2026-11-23T17:00 stopped Deadline',
    '2026-11-24T09:00 running Autostart',
    '2026-11-24T17:00 stopped Deadline',
  ])
})

test('use moves what would happen', () => {
  const monday = NOW + 2 * DAY
  const session: Activity = { kind: 'Ssh', actor: 'ada', from: monday + HOUR, until: monday + 10 * HOUR }
  expect(told(officeHours(), 3 * DAY, [session])).toEqual(['2026-11-23T09:00 running Autostart', '2026-11-23T19:00 stopped Deadline'])
})

test('a workspace that nobody uses becomes dormant, and in the end expires', () => {
  const seen = officeHours({ workspace: { schedule: { autostart: null } } })
  expect(told(seen, 60 * DAY)).toEqual(['2026-12-20T08:00 dormant Dormant', '2026-12-27T08:00 destroyed Expired'])
})

test('idleness counts from the last use, and a hold keeps it', () => {
  const seen = officeHours({
    builds: [build({ finishedAt: NOW - MINUTE })],
    agents: [agent({ readyAt: NOW - MINUTE })],
    template: template({ policy: policy({ idleAfter: { defaultMs: 2 * HOUR, minMs: 0, maxMs: 0 } }) }),
    workspace: { schedule: { autostart: null } },
  })
  expect(told(seen, DAY)).toEqual(['2026-11-21T09:59 stopped Idle'])
  expect(told({ ...seen, life: { ...seen.life, holdUntil: NOW + 3 * HOUR } }, DAY)).toEqual(['2026-11-21T13:00 stopped Idle'])
})

test('what is asked and what is under way happens first', () => {
  expect(told(officeHours({ requests: [request('Start')] }), 12 * HOUR)).toEqual([
    '2026-11-21T08:00 running Requested',
    '2026-11-21T16:00 stopped Deadline',
  ])
  expect(told(officeHours({ builds: [running({ finishedAt: null })] }), 12 * HOUR)).toEqual(['2026-11-21T16:00 stopped Deadline'])
})

test('where the clock does nothing, nothing is told', () => {
  expect(told(world({ builds: [build()] }), 365 * DAY)).toEqual([])
  expect(told(officeHours({ workspace: { paused: true, schedule: { autostart: '0 9 * * *' } } }), 7 * DAY)).toEqual([])
})

const zone = (autostart: string | null, timezone: string | null) =>
  scheduleZone(officeHours({ owner: { timezone: 'Asia/Tokyo' }, workspace: { schedule: { autostart, timezone } } }))

test('it is told by the clocks of its schedule, and where that names none by those of its owner', () => {
  expect(zone('CRON_TZ=Asia/Kathmandu 0 9 * * *', 'Pacific/Pago_Pago')).toBe('Asia/Kathmandu')
  expect(zone('0 9 * * *', 'Pacific/Pago_Pago')).toBe('Pacific/Pago_Pago')
  expect(zone('0 9 * * *', null)).toBe('Asia/Tokyo')
  expect(zone(null, 'Pacific/Pago_Pago')).toBe('Pacific/Pago_Pago')
  expect(zone(null, null)).toBe('Asia/Tokyo')
  expect(zone('whenever', 'Mars/Base')).toBe('Asia/Tokyo')
})

test('a year of weekdays is told in time', () => {
  const seen = officeHours({ template: template({ policy: policy({ ttlMs: 8 * HOUR }) }) })
  expect(told(seen, 364 * DAY)).toHaveLength(2 * 5 * 52)
})
