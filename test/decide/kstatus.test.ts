import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { decide as ownerOf } from '../../controller/reconcile/owner/decide.ts'
import { decide } from '../../controller/reconcile/workspace/decide.ts'
import { decide as answer } from '../../controller/reconcile/workspacerequest/decide.ts'
import { GROUP, KINDS } from '../../crds/kinds.ts'
import { readStored } from '../../crds/schema/index.ts'
import { mergedConditions } from '../../controller/status/conditions.ts'
import { anyWorld } from './any-world.ts'
import { turn } from './hands.ts'
import { conditionsProblem, kstatusOf } from './kstatus.ts'
import { build, NOW, request, stop, world } from './worlds.ts'

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
  for (const first of fc.sample(anyWorld, { numRuns: 1500, seed: 7 })) {
    let now = first
    for (let turns = 0; turns < 12 && !now.gone; turns++) {
      const { conditions } = decide(now.seen, now.now)
      expect(conditionsProblem(conditions, 'Ready')).toBeNull()
      const stored = mergedConditions([], conditions, 1, now.now)
      const ready = stored.find(({ type }) => type === 'Ready')
      const status = kstatusOf({
        metadata: { generation: 1, ...(now.seen.workspace.deleting ? { deletionTimestamp: '2020-01-01T00:00:00Z' } : {}) },
        status: { observedGeneration: 1, conditions: stored },
      })
      if (status === 'Terminating') expect(now.seen.workspace.deleting).toBe(true)
      else read.set(ready?.reason ?? '', (read.get(ready?.reason ?? '') ?? new Set()).add(status))
      now = turn(now).world
    }
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

const ownerReadAs = (suspended: boolean, timezone: string) => {
  const { conditions } = ownerOf({ user: 'ada', suspended, timezone })
  expect(conditionsProblem(conditions, 'Ready')).toBeNull()
  return kstatusOf({ metadata: {}, status: { conditions } })
}

test('a suspended owner is as wanted, and one whose zone there is not waits for somebody', () => {
  expect([ownerReadAs(false, 'UTC'), ownerReadAs(true, 'UTC'), ownerReadAs(false, 'Moon/Sea')]).toEqual(['Current', 'Current', 'Failed'])
})

const requestReadAs = (power: 'Auto' | 'Stopped') => {
  const asked = request('Start')
  const seen = world({ workspace: { power }, requests: [asked] })
  const { conditions } = answer({ namespace: 'default', workspaceName: 'dev', request: asked, answered: null, workspace: seen }, NOW)
  expect(conditionsProblem(conditions, 'Succeeded')).toBeNull()
  return kstatusOf({ metadata: {}, status: { conditions } })
}

test('a request is on its way until it is answered, and failed where it was refused', () => {
  expect([requestReadAs('Auto'), requestReadAs('Stopped')]).toEqual(['InProgress', 'Failed'])
})
