import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { mayBeRunning } from '../../controller/reconcile/workspace/builds.ts'
import type { Seen } from '../../controller/reconcile/workspace/seen.ts'
import type { Job } from '../../controller/store/records.ts'
import { turn, type World } from './hands.ts'
import { agent, build, HOUR, NOW, request, SECOND, silentAgent, template, UID, V2, version, world } from './worlds.ts'

/** Any world at all, likely or not. A rule that has not been thought through shows here. */
const job = fc.record({
  transition: fc.constantFrom('start', 'start', 'start', 'stop', 'destroy'),
  phase: fc.constantFrom('Succeeded', 'Succeeded', 'Failed', 'Canceled'),
  reason: fc.constantFrom('Created', 'Requested', 'Policy', 'BroughtDown', 'Updated', 'Retry', 'MachineLost', 'Suspended'),
  errorReason: fc.constantFrom(null, 'BuildFailed', 'Interrupted', 'ProvisionerLost'),
  cancelBy: fc.constantFrom(null, 'bothy-controller', 'request cancel-1'),
  requestUid: fc.constantFrom(null, 'Start-uid', 'Stop-uid', 'Restart-uid'),
  inputs: fc.constantFrom(build().inputs, 'other'),
  began: fc.boolean(),
})

function history(jobs: readonly (typeof job extends fc.Arbitrary<infer One> ? One : never)[], inFlight: 'none' | Job['phase']): Job[] {
  const settledJobs = jobs.map(({ began, ...over }, i): Job => {
    const at = NOW - (i + 1) * 30 * SECOND
    const cancelBy = over.phase === 'Canceled' ? over.cancelBy : null
    const startedAt = began || over.phase === 'Succeeded' ? at : null
    return Object.assign(build(over), {
      number: jobs.length - i,
      id: `${jobs.length - i}`,
      cancelBy,
      queuedAt: at,
      startedAt,
      finishedAt: at + SECOND,
    })
  })
  const newest = settledJobs[0]
  if (inFlight === 'none' || !newest) return settledJobs
  return [{ ...newest, phase: inFlight, errorReason: null, finishedAt: null, result: null }, ...settledJobs.slice(1)]
}

const builds = fc
  .tuple(fc.array(job, { maxLength: 6 }), fc.constantFrom('none', 'Queued', 'Running', 'Canceling'))
  .map(([jobs, inFlight]) => history(jobs, inFlight))

const requests = fc
  .uniqueArray(fc.constantFrom('Start', 'Stop', 'Restart', 'CancelBuild', 'Extend', 'Hold'), { maxLength: 3 })
  .chain((actions) =>
    fc.tuple(
      ...actions.map((action) =>
        fc
          .integer({ min: 0, max: 3 })
          .map((seconds) => request(action, { createdAt: NOW - seconds * SECOND, boundUid: seconds === 3 ? null : UID })),
      ),
    ),
  )

const anyWorld: fc.Arbitrary<World> = fc
  .record({
    power: fc.constantFrom('Auto', 'Running', 'Stopped'),
    updates: fc.constantFrom('Manual', 'Automatic'),
    parameters: fc.constantFrom<Readonly<Record<string, string>>>({}, { cpu: '4' }, { cpu: 'many' }, { memory: '1' }),
    deletionPolicy: fc.constantFrom('Destroy', 'Orphan'),
    deleting: fc.boolean(),
    paused: fc.constantFrom(false, false, true),
    abandoned: fc.constantFrom(false, false, true),
    hasFinalizer: fc.boolean(),
    suspended: fc.constantFrom(false, false, true),
    broughtDown: fc.constantFrom(false, false, true),
    template: fc.constantFrom(
      template(),
      template(),
      template({ activeDigest: V2 }),
      template({ deleting: true }),
      template({ activeDigest: null }),
      null,
    ),
    builds,
    requests,
    agents: fc.constantFrom([], [agent()], [silentAgent(HOUR)], [silentAgent(2 * SECOND), agent({ id: 'agent-2', name: 'other' })]),
    provisioned: fc.constantFrom(true, true, true, false),
    machineIsThere: fc.boolean(),
  })
  .map(({ suspended, broughtDown, template: tpl, builds: past, requests: asked, agents, provisioned, machineIsThere, ...spec }) => {
    const seen = world({
      workspace: spec,
      template: tpl,
      versions: [version(), version({ digest: V2 })],
      builds: past,
      requests: asked,
      agents,
      broughtDown,
      owner: { identity: { name: 'ada', id: 'ada-id', fullName: 'Ada', email: 'ada@localhost' }, suspended },
    })
    return { seen: provisioned ? seen : { ...seen, provisioners: [] }, now: NOW, gone: false, machineIsThere }
  })

/** The same world with something about it as a sentence says. */
const changed = (first: World, over: Omit<Partial<Seen>, 'workspace'>, workspace: Partial<Seen['workspace']>): World => ({
  ...first,
  seen: { ...first.seen, provisioners: world().provisioners, ...over, workspace: { ...first.seen.workspace, ...workspace } },
})

const TURNS_MAX = 60
const QUIET_TURNS = 6

/** Turns until nothing has been done for a while. Throws where that takes too long, or where a turn breaks a promise. */
function settled(first: World): World {
  let now = first
  let quiet = 0
  for (let turns = 0; turns < TURNS_MAX; turns++) {
    const { world: next, actions, problems } = turn(now)
    if (problems.length > 0) throw new Error(`${problems.join('; ')} in ${replay(now)}`)
    quiet = actions.length === 0 ? quiet + 1 : 0
    now = next
    if (quiet >= QUIET_TURNS || now.gone) return now
  }
  throw new Error(`still acting after ${TURNS_MAX} turns: ${replay(first)}`)
}

/** Everything a decision was made of: paste it into a test to see it again. */
const replay = ({ seen, now }: World): string => JSON.stringify({ now, seen })

test('from any world, with perfect hands, nothing is left to do after a bounded number of turns', () => {
  fc.assert(
    fc.property(anyWorld, (first) => void settled(first)),
    { numRuns: 3000 },
  )
})

test('what is declared Stopped is not running once it has settled', () => {
  const declaredStopped = anyWorld.map((first) => changed(first, {}, { power: 'Stopped', paused: false, deleting: false }))
  fc.assert(
    fc.property(declaredStopped, (first) => {
      expect(mayBeRunning(settled(first).seen.builds)).toBe(false)
    }),
    { numRuns: 1500 },
  )
})

test('what is declared Running runs once it has settled, unless somebody has to change something', () => {
  const able = { owner: world().owner, broughtDown: false, requests: [], template: template() }
  const declaredRunning = anyWorld.map((first) =>
    changed(first, able, { power: 'Running', paused: false, deleting: false, parameters: {} }),
  )
  fc.assert(
    fc.property(declaredRunning, (first) => {
      const { seen } = settled(first)
      const stalled = seen.workspace.before.conditions.some(({ type }) => type === 'Stalled')
      expect(stalled || (seen.builds[0]?.transition === 'start' && seen.builds[0].phase === 'Succeeded')).toBe(true)
    }),
    { numRuns: 1500 },
  )
})

test('what is deleted goes, once there is a provisioner', () => {
  const deleted = anyWorld.map((first) => changed(first, {}, { deleting: true, hasFinalizer: true }))
  fc.assert(
    fc.property(deleted, (first) => {
      expect(settled(first).gone).toBe(true)
    }),
    { numRuns: 1500 },
  )
})

test('every request is answered once its workspace has settled', () => {
  const asked = anyWorld.map((first) => changed(first, { template: template() }, { deleting: false }))
  fc.assert(
    fc.property(asked, (first) => {
      const { seen } = settled(first)
      const lostTooOften = seen.workspace.before.conditions.some(({ reason }) => reason === 'MachineLost')
      expect(lostTooOften ? [] : seen.requests.filter(({ answer }) => !answer)).toEqual([])
    }),
    { numRuns: 1500 },
  )
})
