import { expect, test } from 'vitest'
import { decide } from '../../controller/reconcile/workspace/decide.ts'
import { GROUP, KINDS } from '../../crds/kinds.ts'
import { readStored } from '../../crds/schema/index.ts'
import { conditionsProblem, kstatusOf } from './kstatus.ts'
import { ownerTold, requestTold, templatesTold, workspacesTold } from './told.ts'
import { build, NOW, stop, world } from './worlds.ts'

/** What a GitOps tool that waits for health makes of everything that is ever said of an object. */

const readAs = (conditions: readonly [type: string, status: string][], more: object = {}) =>
  kstatusOf({
    metadata: { generation: 2, ...more },
    status: { observedGeneration: 2, conditions: conditions.map(([type, status]) => ({ type, status })) },
  })

test('the rules are those that are published', () => {
  expect(readAs([['Ready', 'True']])).toBe('Current')
  expect(readAs([['Ready', 'False']])).toBe('InProgress')
  expect(readAs([['Ready', 'Unknown']])).toBe('InProgress')
  expect(
    readAs([
      ['Ready', 'False'],
      ['Stalled', 'True'],
    ]),
  ).toBe('Failed')
  expect(
    readAs([
      ['Ready', 'False'],
      ['Stalled', 'False'],
    ]),
  ).toBe('InProgress')
  expect(
    readAs([
      ['Ready', 'True'],
      ['Reconciling', 'True'],
    ]),
  ).toBe('InProgress')
  expect(readAs([['Other', 'False']])).toBe('Current')
  expect(readAs([['Ready', 'True']], { deletionTimestamp: '2020-01-01T00:00:00Z' })).toBe('Terminating')
  expect(readAs([['Ready', 'True']], { generation: 3 })).toBe('InProgress')
})

test.for(KINDS.filter(({ group }) => group === GROUP))('a $kind that nobody looked at is on its way', (kind) => {
  const { status } = readStored(kind, { apiVersion: kind.apiVersion, kind: kind.kind, metadata: { name: 'new' } })
  expect(kstatusOf({ metadata: { generation: 1 }, status: status as object })).toBe('InProgress')
})

test('a workspace is read as it is meant, reason by reason', () => {
  const read = new Map<string, Set<string>>()
  for (const told of workspacesTold()) {
    expect(conditionsProblem(told.status.conditions, 'Ready')).toBeNull()
    const ready = told.status.conditions.find(({ type }) => type === 'Ready')
    const status = kstatusOf(told)
    if (told.metadata.deletionTimestamp !== undefined) expect(status).toBe('Terminating')
    else read.set(ready?.reason ?? '', (read.get(ready?.reason ?? '') ?? new Set()).add(status))
  }
  const strange = [...read].flatMap(([reason, statuses]) =>
    [...statuses].filter((status) => !MEANT[reason]?.includes(status)).map((status) => `${reason} is read as ${status}`),
  )
  expect(strange).toEqual([])
  expect(read.size).toBeGreaterThan(8)
})

/** As wanted, on its way, or waiting for somebody to change something. */
const MEANT: Readonly<Record<string, string>> = {
  Running: 'Current',
  StartScriptFailed: 'Current',
  Stopped: 'Current',
  AgentConnecting: 'InProgress',
  AgentDisconnected: 'InProgress',
  AgentNotReady: 'InProgress',
  AgentTimeout: 'InProgress',
  CancelRequested: 'InProgress',
  Deleting: 'InProgress',
  NoProvisioner: 'InProgress',
  NotBuilt: 'InProgress',
  Paused: 'InProgress',
  Planning: 'InProgress',
  Queued: 'InProgress',
  Starting: 'InProgress',
  Stopping: 'InProgress',
  TemplateMissing: 'InProgress',
  TemplateNotReady: 'InProgress',
  // It is tried again, until it was tried too often.
  BuildFailed: 'InProgress, then Failed',
  BuildCanceled: 'Failed',
  MachineLost: 'Failed',
  ParameterInvalid: 'Failed',
  StartFailed: 'Failed',
}

test('what sleeps by policy is as wanted', () => {
  const { conditions } = decide(world({ workspace: { power: 'Stopped' }, builds: [stop(), build({ number: 1 })] }), NOW)
  expect(kstatusOf({ metadata: { generation: 1 }, status: { observedGeneration: 1, conditions } })).toBe('Current')
})

test('a template is as wanted, on its way or stuck', () => {
  const read = new Set<string>()
  for (const told of templatesTold()) {
    expect(conditionsProblem(told.status.conditions, 'Ready')).toBeNull()
    read.add(kstatusOf(told))
  }
  expect([...read].toSorted()).toEqual(['Current', 'Failed', 'InProgress', 'Terminating'])
})

test('a suspended owner is as wanted, and one whose zone there is not waits for somebody', () => {
  const owners = [ownerTold(false, 'UTC'), ownerTold(true, 'UTC'), ownerTold(false, 'Moon/Sea')]
  expect(owners.map((told) => conditionsProblem(told.status.conditions, 'Ready'))).toEqual([null, null, null])
  expect(owners.map(kstatusOf)).toEqual(['Current', 'Current', 'Failed'])
})

test('a request is on its way until it is answered, and failed where it was refused', () => {
  const requests = [requestTold('Auto'), requestTold('Stopped')]
  expect(requests.map((told) => conditionsProblem(told.status.conditions, 'Succeeded'))).toEqual([null, null])
  expect(requests.map(kstatusOf)).toEqual(['InProgress', 'Failed'])
})
