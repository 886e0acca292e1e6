import { expect, test } from 'vitest'
import type { Resource } from '../../controller/cluster/port.ts'
import { decide } from '../../controller/reconcile/owner/decide.ts'
import { ownerSeen } from '../../controller/reconcile/owner/seen.ts'

const LOCAL = { name: 'root', id: 'local', fullName: 'root', email: 'root@localhost' }

const owner = (name: string, spec: Readonly<Record<string, unknown>>): Resource => ({
  apiVersion: 'bothy.dev/v1alpha1',
  kind: 'Owner',
  metadata: { name, uid: name, resourceVersion: '1', generation: 1, creationTimestamp: '2026-11-21T08:00:00Z' },
  spec,
})

const objects = (...owners: readonly Resource[]) => ({ get: () => undefined, list: () => owners })

test('whoever names no owner belongs to the local user', () => {
  expect(ownerSeen(objects(), undefined, LOCAL)).toEqual({ identity: LOCAL, suspended: false })
  expect(ownerSeen(objects(), undefined, null)).toEqual({ identity: null, suspended: false })
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
  })
  expect(ownerSeen(objects(), 'ada', null)).toEqual(seen)
})

test('an object stands for the user it names, whatever it is called itself', () => {
  const people = objects(owner('ada', { suspended: false }), owner('grace-1a2b', { user: 'grace@example.com', suspended: true }))
  expect(['ada', 'grace@example.com', 'grace-1a2b'].map((name) => ownerSeen(people, name, null).suspended)).toEqual([false, true, false])
})

test('an owner is only looked at', () => {
  expect([true, false].map((suspended) => decide({ user: 'ada', suspended }))).toEqual([
    {
      actions: [],
      conditions: [
        {
          type: 'Ready',
          status: 'False',
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
