import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { createShelf, idOf, type Type } from '../../controller/cluster/cache-shelf.ts'
import type { IndexKey, Resource } from '../../controller/cluster/port.ts'
import { INDEXES } from '../../controller/reconcile/indexes.ts'

/** What an index finds is what a search through all would find, whatever became of the objects before. */

const NAMESPACES = ['a', 'b']
const NAMES = ['one', 'two', 'three']
const TEMPLATES = [{ name: 'node' }, { name: 'node', namespace: 'a' }, { name: 'go', namespace: 'b' }]
const OWNERS = [undefined, 'ada', 'bob']

const object = (uid: number, namespace: string, name: string, version: number, spec: Resource['spec']): Resource => ({
  apiVersion: 'bothy.dev/v1alpha1',
  kind: 'Workspace',
  metadata: {
    name,
    namespace,
    uid: `uid-${uid}`,
    resourceVersion: String(version),
    generation: 1,
    creationTimestamp: '2026-11-21T08:00:00Z',
    annotations: { 'kubectl.kubernetes.io/last-applied-configuration': '{}' },
  },
  spec,
})

const objects = fc
  .record({
    uid: fc.integer({ min: 1, max: 2 }),
    namespace: fc.constantFrom(...NAMESPACES),
    name: fc.constantFrom(...NAMES),
    version: fc.integer({ min: 1, max: 30 }),
    template: fc.constantFrom(...TEMPLATES),
    owner: fc.constantFrom(...OWNERS),
  })
  .map(({ uid, namespace, name, version, template, owner }) =>
    object(uid, namespace, name, version, { template, ...(owner === undefined ? {} : { owner }) }),
  )

const steps = fc.oneof(
  { weight: 8, arbitrary: objects.map((given) => ({ do: 'put', given }) as const) },
  { weight: 3, arbitrary: objects.map((given) => ({ do: 'drop', given }) as const) },
  { weight: 2, arbitrary: objects.map((given) => ({ do: 'putInstead', given }) as const) },
  { weight: 1, arbitrary: fc.array(objects, { maxLength: 5 }).map((given) => ({ do: 'keepOnly', given }) as const) },
)

const indexes = INDEXES['Workspace'] ?? {}
const KEYS: Readonly<Record<string, readonly string[]>> = {
  template: ['a/node', 'b/node', 'b/go', 'a/go'],
  owner: ['', 'ada', 'bob', 'eve'],
}

test('an index answers as a search through all would, after any changes', () => {
  fc.assert(
    fc.property(fc.array(steps, { maxLength: 40 }), (all) => {
      const told: Type[] = []
      const shelf = createShelf('Workspace', indexes, (_key, _object, type) => told.push(type))
      for (const step of all) {
        if (step.do === 'put') shelf.put(step.given, 'MODIFIED')
        else if (step.do === 'drop') shelf.drop(step.given)
        else if (step.do === 'putInstead') shelf.putInstead(step.given)
        else shelf.keepOnly(new Set(step.given.map(idOf)))
        for (const [index, keyOf] of Object.entries(indexes))
          for (const key of KEYS[index] ?? []) expect(new Set(shelf.by(index, key))).toEqual(new Set(searched(shelf.list(), keyOf, key)))
      }
      const ended = told.filter((type) => type === 'DELETED').length
      expect(told.filter((type) => type === 'ADDED').length - ended).toBe(shelf.list().length)
    }),
    { numRuns: 300 },
  )
})

const searched = (all: readonly Resource[], keyOf: IndexKey, key: string): Resource[] => all.filter((each) => keyOf(each) === key)

test('an index answers each object once, and none for a key that nothing has any more', () => {
  const shelf = createShelf('Workspace', indexes, () => {})
  shelf.put(object(1, 'a', 'one', 1, { template: { name: 'node' }, owner: 'ada' }), 'ADDED')
  shelf.put(object(1, 'a', 'one', 2, { template: { name: 'go', namespace: 'b' }, owner: 'ada' }), 'MODIFIED')
  expect([shelf.by('template', 'a/node').length, shelf.by('template', 'b/go').length, shelf.by('owner', 'ada').length]).toEqual([0, 1, 1])
  shelf.drop(object(1, 'a', 'one', 3, {}))
  expect([shelf.by('template', 'b/go'), shelf.by('owner', 'ada')]).toEqual([[], []])
  expect(() => shelf.by('colour', 'red')).toThrow('no index colour')
})
