import { expect, test } from 'vitest'
import { wantedLabels } from '../../controller/reconcile/workspace/labels.ts'
import { build, template } from './worlds.ts'

const HERE = { 'bothy.dev/place': 'here' }
const there = build({ number: 2, transition: 'stop', labels: HERE, result: {} })
const here = build({ number: 1, result: { place: 'here' } })

test('a workspace that has something on a machine is worked on there, also while it is stopped', () => {
  expect(wantedLabels({ template: template({ labels: { gpu: 'yes' } }), builds: [there, here] })).toEqual({ gpu: 'yes', ...HERE })
  expect(wantedLabels({ template: null, builds: [there, here] })).toEqual(HERE)
})

test('once it was destroyed it may be anywhere', () => {
  const gone = build({ number: 3, transition: 'destroy', labels: HERE, result: {} })
  expect(wantedLabels({ template: null, builds: [gone, there, here] })).toEqual({})
})
