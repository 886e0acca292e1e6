import * as fc from 'fast-check'
import type { Seen } from '../../controller/reconcile/workspace/seen.ts'
import type { Job } from '../../controller/store/records.ts'
import type { World } from './hands.ts'
import { agent, build, DAY, HOUR, MINUTE, NOW, policy, request, SECOND, silentAgent, template, UID, V2, version, world } from './worlds.ts'

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
          .map((seconds) =>
            request(action, { createdAt: NOW - seconds * SECOND, boundUid: seconds === 3 ? null : UID, forMs: seconds * HOUR }),
          ),
      ),
    ),
  )

/** What the clock may do, but for what it does again every day. */
const anyPolicy = fc
  .record({
    ttlMs: fc.constantFrom(0, MINUTE, 8 * HOUR),
    ownTtl: fc.boolean(),
    activityBumpMs: fc.constantFrom(0, HOUR),
    idleMs: fc.constantFrom(0, HOUR),
    failureTtlMs: fc.constantFrom(0, HOUR, 7 * DAY),
    dormantAfterMs: fc.constantFrom(0, HOUR, 30 * DAY),
    deleteDormantAfterMs: fc.constantFrom(0, HOUR, 7 * DAY),
  })
  .map(({ idleMs, ...over }) => policy({ ...over, idleAfter: { defaultMs: idleMs, minMs: 0, maxMs: 0 } }))

const around = fc.constantFrom(null, NOW - 8 * DAY, NOW - HOUR, NOW - 1, NOW, NOW + 1, NOW + 20 * MINUTE, NOW + DAY)

const anyLife = fc.record({
  deadlineBuild: fc.constantFrom(null, 1, 2, 3),
  deadlineAt: around,
  maxDeadlineAt: around,
  warnedAt: around,
  holdUntil: around,
  dormantAt: fc.constantFrom(null, null, NOW - 8 * DAY, NOW - HOUR),
  deletingAt: around,
  deleteDormantAfterMs: fc.constantFrom(null, HOUR),
  usedAt: around,
  missedAt: around,
  suspended: fc.boolean(),
  power: fc.constantFrom(null, 'Auto', 'Running', 'Stopped'),
  revision: fc.constantFrom(0, 7),
})

export const anyWorld: fc.Arbitrary<World> = fc
  .record({
    policy: anyPolicy,
    life: anyLife,
    usedAt: fc.constantFrom(null, NOW - 31 * DAY, NOW - HOUR, NOW - SECOND, NOW),
    ttlMs: fc.constantFrom(null, 0, HOUR),
    startedAgo: fc.constantFrom(0, 59 * SECOND, HOUR),
    reports: fc.boolean(),
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
  .map(({ suspended, broughtDown, template: tpl, builds: past, requests: asked, agents, provisioned, machineIsThere, ...more }) => {
    const { policy: own, life, usedAt, ttlMs, startedAgo, reports, ...spec } = more
    const seen = world({
      workspace: { ...spec, schedule: { ttlMs } },
      template: tpl && { ...tpl, policy: own },
      life: { ...life, policy: tpl ? null : own },
      activity: { lastUsedAt: usedAt, sources: [] },
      controllerStartedAt: NOW - startedAgo,
      versions: [version(), version({ digest: V2 })],
      builds: past,
      requests: asked,
      agents,
      broughtDown,
      owner: { suspended },
    })
    return { seen: provisioned ? seen : { ...seen, provisioners: [] }, now: NOW, gone: false, machineIsThere, reports }
  })

/** The same world with something about it as a sentence says. */
export const changed = (first: World, over: Omit<Partial<Seen>, 'workspace'>, workspace: Partial<Seen['workspace']>): World => ({
  ...first,
  seen: { ...first.seen, provisioners: world().provisioners, ...over, workspace: { ...first.seen.workspace, ...workspace } },
})
