import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { mayBeRunning } from '../../controller/reconcile/workspace/builds.ts'
import { decide } from '../../controller/reconcile/workspace/decide.ts'
import type { Seen } from '../../controller/reconcile/workspace/seen.ts'
import type { Job } from '../../controller/store/records.ts'
import { turn, type World } from './hands.ts'
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

const anyWorld: fc.Arbitrary<World> = fc
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
const changed = (first: World, over: Omit<Partial<Seen>, 'workspace'>, workspace: Partial<Seen['workspace']>): World => ({
  ...first,
  seen: { ...first.seen, provisioners: world().provisioners, ...over, workspace: { ...first.seen.workspace, ...workspace } },
})

const TURNS_MAX = 120
const QUIET_TURNS = 6

/** Turns until nothing has been done for a while. Throws where that takes too long, or where a turn breaks a promise. */
function settled(first: World): World {
  let now = first
  let quiet = 0
  const done: string[] = []
  for (let turns = 0; turns < TURNS_MAX; turns++) {
    const { world: next, actions, problems } = turn(now)
    if (problems.length > 0) throw new Error(`${problems.join('; ')} in ${replay(now)}`)
    quiet = actions.length === 0 ? quiet + 1 : 0
    done.push(actions.map((action) => action.do).join(' '))
    now = next
    if (quiet >= QUIET_TURNS || now.gone) return now
  }
  throw new Error(`still acting after ${TURNS_MAX} turns (${done.slice(-6).join(', ')}): ${replay(first)}`)
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
  // What has expired is destroyed, which is tried once a day.
  const declaredStopped = anyWorld.map((first) =>
    changed(first, { life: { ...first.seen.life, dormantAt: null } }, { power: 'Stopped', paused: false, deleting: false }),
  )
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

/** Days of a workspace that the clock starts and stops again and again: it never settles, and never breaks a promise. */
const anyDays: fc.Arbitrary<World> = fc
  .tuple(
    anyWorld,
    fc.constantFrom(null, '0 9 * * *', '*/30 * * * *', 'CRON_TZ=Europe/Berlin 30 2 * * 0,1', '0 9 1 * *'),
    fc.constantFrom<Seen['owner']['timezone']>('UTC', 'Australia/Lord_Howe', 'America/New_York'),
    fc.constantFrom<readonly ('Sun' | 'Wed')[]>([], ['Sun'], ['Wed', 'Sun']),
    fc.integer({ min: 1, max: 3 }),
  )
  .map(([first, autostart, timezone, days, weeks]) => {
    const { template: tpl, workspace } = first.seen
    return changed(
      first,
      { owner: { ...first.seen.owner, timezone }, template: tpl && { ...tpl, policy: { ...tpl.policy, requirement: { days, weeks } } } },
      { schedule: { ...workspace.schedule, autostart } },
    )
  })

test('whatever the clock does day after day, no promise is broken', () => {
  fc.assert(
    fc.property(anyDays, fc.array(fc.nat({ max: 40 }), { maxLength: 8 }), (first, uses) => {
      let now = first
      for (let turns = 0; turns < TURNS_MAX && !now.gone; turns++) {
        // Somebody uses it now and then.
        const used = uses.includes(turns) ? { ...now, seen: { ...now.seen, activity: { lastUsedAt: now.now, sources: [] } } } : now
        const { world: next, problems } = turn(used)
        if (problems.length > 0) throw new Error(`${problems.join('; ')} in ${replay(used)}`)
        now = next
      }
    }),
    { numRuns: 1500 },
  )
})

test('one look at a world says the same as the next look at it', () => {
  fc.assert(
    fc.property(anyDays, ({ seen, now }) => {
      expect(decide(seen, now)).toEqual(decide(structuredClone(seen), now))
    }),
    { numRuns: 500 },
  )
})
