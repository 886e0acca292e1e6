import * as fc from 'fast-check'
import { decide as ownerOf } from '../../controller/reconcile/owner/decide.ts'
import { decide as templateOf } from '../../controller/reconcile/template/decide.ts'
import { decide } from '../../controller/reconcile/workspace/decide.ts'
import { decide as answer } from '../../controller/reconcile/workspacerequest/decide.ts'
import { mergedConditions, type GivenCondition, type StoredCondition } from '../../controller/status/conditions.ts'
import { anyTemplate } from './any-template.ts'
import { anyWorld } from './any-world.ts'
import { turn } from './hands.ts'
import { NOW, request, world } from './worlds.ts'

/** An object as whoever waits for its health reads it. */
export interface Told {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: { readonly name: string; readonly generation: number; readonly deletionTimestamp?: string }
  readonly status: { readonly observedGeneration: number; readonly conditions: readonly StoredCondition[] }
}

const told = (kind: string, conditions: readonly GivenCondition[], deleting = false): Told => ({
  apiVersion: 'bothy.dev/v1alpha1',
  kind,
  metadata: { name: 'dev', generation: 1, ...(deleting ? { deletionTimestamp: '2020-01-01T00:00:00Z' } : {}) },
  status: { observedGeneration: 1, conditions: mergedConditions([], conditions, 1, NOW) },
})

/** Everything that is ever said of a workspace, from random worlds on until they are settled. */
export function* workspacesTold(): Generator<Told> {
  for (const first of fc.sample(anyWorld, { numRuns: 1500, seed: 7 })) {
    let now = first
    for (let turns = 0; turns < 12 && !now.gone; turns++) {
      yield told('Workspace', decide(now.seen, now.now).conditions, now.seen.workspace.deleting)
      now = turn(now).world
    }
  }
}

export function* templatesTold(): Generator<Told> {
  for (const seen of fc.sample(anyTemplate, { numRuns: 1000, seed: 7 }))
    yield told('Template', templateOf(seen, NOW).conditions, seen.template.deleting)
}

export const ownerTold = (suspended: boolean, timezone: string): Told =>
  told('Owner', ownerOf({ user: 'ada', suspended, timezone }).conditions)

export function requestTold(power: 'Auto' | 'Stopped'): Told {
  const asked = request('Start')
  const workspace = world({ workspace: { power }, requests: [asked] })
  return told(
    'WorkspaceRequest',
    answer({ namespace: 'default', workspaceName: 'dev', request: asked, answered: null, workspace }, NOW).conditions,
  )
}
