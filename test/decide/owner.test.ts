import { expect, test } from 'vitest'
import type { Resource } from '../../controller/cluster/port.ts'
import { decide } from '../../controller/reconcile/owner/decide.ts'
import { INDEXES } from '../../controller/reconcile/indexes.ts'
import { ownerSeen } from '../../controller/reconcile/owner/seen.ts'

const LOCAL = { name: 'root', id: 'local', fullName: 'root', email: 'root@localhost' }

const owner = (name: string, spec: Readonly<Record<string, unknown>>): Resource => ({
  apiVersion: 'bothy.dev/v1alpha1',
  kind: 'Owner',
  metadata: { name, uid: name, resourceVersion: '1', generation: 1, creationTimestamp: '2026-11-21T08:00:00Z' },
  spec,
})

const ACTIVE = { suspended: false, timezone: 'UTC', quietHours: '00:00' }

const objects = (...owners: readonly Resource[]) => ({
  get: () => undefined,
  list: () => owners,
  by: (_kind: string, index: string, key: string) => owners.filter((each) => INDEXES['Owner']?.[index]?.(each) === key),
})

test('whoever names no owner belongs to the local user', () => {
  expect(ownerSeen(objects(), undefined, LOCAL)).toEqual({ identity: LOCAL, suspended: false, timezone: 'UTC', quietHours: '00:00' })
  expect(ownerSeen(objects(), undefined, null)).toEqual({ identity: null, suspended: false, timezone: 'UTC', quietHours: '00:00' })
})

test('an owner without an object is active, and the same person at every look', () => {
  const seen = ownerSeen(objects(), 'ada', LOCAL)
  expect(seen).toEqual({
    identity: {
      name: 'ada',
      id: expect.stringMatching(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/),
      fullName: 'ada',
      email: 'ada@localhost',
    },
    suspended: false,
    timezone: 'UTC',
    quietHours: '00:00',
  })
  expect(ownerSeen(objects(), 'ada', null)).toEqual(seen)
})

test('an object stands for the user it names, whatever it is called itself', () => {
  const people = objects(owner('ada', ACTIVE), owner('grace-1a2b', { ...ACTIVE, user: 'grace@example.com', suspended: true }))
  expect(['ada', 'grace@example.com', 'grace-1a2b'].map((name) => ownerSeen(people, name, null).suspended)).toEqual([false, true, false])
})

test('an owner is only looked at', () => {
  expect([true, false].map((suspended) => decide({ user: 'ada', suspended, timezone: 'UTC' }))).toEqual([
    {
      actions: [],
      conditions: [
        {
          type: 'Ready',
          status: 'True',
          reason: 'Suspended',
          message: 'ada is suspended: their workspaces are stopped and none of them starts.',
        },
      ],
      status: {},
      wakeAt: null,
    },
    {
      actions: [],
      conditions: [{ type: 'Ready', status: 'True', reason: 'Handled', message: 'ada is active.' }],
      status: {},
      wakeAt: null,
    },
  ])
})

test('quiet hours are in the zone of the owner, or in UTC where that zone does not exist', () => {
  const people = objects(
    owner('ada', { ...ACTIVE, timezone: 'Europe/Berlin', quietHours: '03:30' }),
    owner('bob', { ...ACTIVE, timezone: 'Mars/Base', quietHours: '03:30' }),
  )
  expect(
    ['ada', 'bob', 'eve'].map((name) => ownerSeen(people, name, null)).map(({ timezone, quietHours }) => [timezone, quietHours]),
  ).toEqual([
    ['Europe/Berlin', '03:30'],
    ['UTC', '03:30'],
    ['UTC', '00:00'],
  ])
  const message = 'The zone "Mars/Base" does not exist, UTC counts instead: write one such as Europe/Berlin.'
  expect(decide({ user: 'bob', suspended: false, timezone: 'Mars/Base' }).conditions).toEqual([
    { type: 'Ready', status: 'False', reason: 'ScheduleInvalid', message },
    { type: 'Stalled', status: 'True', reason: 'ScheduleInvalid', message },
  ])
})
