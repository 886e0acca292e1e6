import type { Instant } from '../../controller/kernel/clock.ts'
import { isInFlight } from '../../controller/reconcile/workspace/builds.ts'
import { decide, type Action } from '../../controller/reconcile/workspace/decide.ts'
import type { AgentSeen, RequestSeen, Seen } from '../../controller/reconcile/workspace/seen.ts'
import { decide as answer } from '../../controller/reconcile/workspacerequest/decide.ts'
import { conditionsProblem } from './kstatus.ts'
import { never } from '../../controller/kernel/errors.ts'
import type { Job } from '../../controller/store/records.ts'
import { agent, build, look, plan, SECOND } from './worlds.ts'

/** Hands that never fail: whatever is decided happens, and every build that was queued succeeds. */
export interface World {
  readonly seen: Seen
  readonly now: Instant
  readonly gone: boolean
  /** Whether a look finds the machine, and its agent then speaks again. */
  readonly machineIsThere: boolean
  /** Whether agents say who uses them. */
  readonly reports: boolean
}

export interface Turn {
  readonly world: World
  readonly actions: readonly Action[]
  readonly problems: readonly string[]
}

/** One turn of the engine, and what the world makes of it. */
export function turn(world: World): Turn {
  const verdict = decide(world.seen, world.now)
  let after = world
  for (const action of verdict.actions) {
    after = Object.assign({}, after, { seen: applied(after, action), gone: after.gone || action.do === 'remove-finalizer' })
  }
  const known = told(after.seen, verdict, world.now)
  const answered = known.requests.reduce((seen, request) => answeredBy(seen, request, world.now), known)
  const quiet = verdict.actions.length === 0
  const moved = quiet ? finished(answered, world.now) : answered
  // Without anything to do time goes on to the next instant that somebody named.
  const later = quiet && moved === answered && verdict.wakeAt !== null ? Math.max(verdict.wakeAt, world.now + 1) : world.now + SECOND
  return {
    world: { ...after, seen: heard(moved, later, world.reports), now: later },
    actions: verdict.actions,
    problems: problemsOf(verdict, world, after.seen),
  }
}

function problemsOf(verdict: ReturnType<typeof decide>, { seen, now }: World, after: Seen): string[] {
  const kstatus = conditionsProblem(verdict.conditions, 'Ready')
  const inFlight = after.builds.filter(isInFlight).length
  const idleStop = verdict.actions.some((action) => action.do === 'queue-build' && action.build.reason === 'Idle')
  const unheard = seen.agents.filter(({ firstConnectedAt, reportedAt }) => firstConnectedAt !== null && now - (reportedAt ?? 0) > 60_000)
  return [
    ...(kstatus ? [kstatus] : []),
    ...(inFlight > 1 ? [`${inFlight} builds are in flight`] : []),
    ...(verdict.wakeAt !== null && verdict.wakeAt <= now ? [`it would wake in the past, at ${verdict.wakeAt}`] : []),
    ...(idleStop && (seen.agents.length === 0 || unheard.length > 0) ? ['it is stopped as idle without fresh evidence'] : []),
    ...(verdict.actions.some((action) => action.do === 'keep-life' && action.life.revision !== seen.life.revision)
      ? ['it keeps a row that it has not read']
      : []),
  ]
}

function applied({ seen, now, machineIsThere }: World, action: Action): Seen {
  switch (action.do) {
    case 'add-finalizer':
      return { ...seen, workspace: { ...seen.workspace, hasFinalizer: true } }
    case 'remove-finalizer':
      return { ...seen, workspace: { ...seen.workspace, hasFinalizer: false } }
    case 'queue-build':
      return { ...seen, builds: [queuedBuild(action.build, now), ...seen.builds] }
    case 'cancel-build':
      return { ...seen, builds: seen.builds.map((job) => (job.id === action.jobId ? canceled(job, now) : job)) }
    case 'queue-look':
      return {
        ...seen,
        look: look({
          queuedAt: now,
          finishedAt: now,
          result: { machines: [{ type: 'bothy_process', name: 'main', present: machineIsThere }] },
        }),
        agents: machineIsThere ? seen.agents.map((one) => ({ ...one, ...agent({ id: one.id, lastSeenAt: now }) })) : seen.agents,
      }
    case 'wish-shutdown':
      return { ...seen, agents: seen.agents.map((one) => ({ ...one, lifecycle: 'Off', shutdownRequestedAt: now })) }
    case 'keep-life':
      return { ...seen, life: { ...action.life, revision: action.life.revision + 1 } }
    // Somebody agrees at once.
    case 'queue-plan':
      return { ...seen, plan: { job: planned(action.plan, now), approvedBy: 'ada' } }
    case 'emit':
      return seen
    default:
      return never(action)
  }
}

const queuedBuild = (wanted: Extract<Action, { do: 'queue-build' }>['build'], now: Instant): Job =>
  build({
    ...wanted,
    id: `${wanted.number}`,
    phase: 'Queued',
    queuedAt: now,
    claimedAt: null,
    startedAt: null,
    finishedAt: null,
    result: null,
  })

const planned = (wanted: Extract<Action, { do: 'queue-plan' }>['plan'], now: Instant): Job =>
  plan({ ...wanted, id: `${now}`, queuedAt: now, startedAt: now, finishedAt: now })

const canceled = (job: Job, now: Instant): Job => ({
  ...job,
  phase: 'Canceled',
  cancelBy: 'bothy-controller',
  cancelRequestedAt: now,
  finishedAt: now,
})

/** The build in flight succeeds, and its agents are what it made. */
function finished(seen: Seen, now: Instant): Seen {
  const inFlight = seen.builds.find(isInFlight)
  if (!inFlight) return seen
  const done: Job = { ...inFlight, phase: 'Succeeded', startedAt: inFlight.startedAt ?? now, finishedAt: now, result: {} }
  return {
    ...seen,
    builds: seen.builds.map((job) => (job === inFlight ? done : job)),
    agents:
      done.transition === 'start'
        ? [agent({ createdAt: now, firstConnectedAt: now, connectedAt: now, lastSeenAt: now, readyAt: now, reportedAt: now })]
        : [],
  }
}

/** Who is there says so. */
const heard = (seen: Seen, now: Instant, reports: boolean): Seen => ({
  ...seen,
  agents: seen.agents.map((one) => (one.status === 'Connected' ? said(one, now, reports) : one)),
  provisioners: seen.provisioners.map((one) => ({ ...one, lastSeenAt: now })),
})

const said = (one: AgentSeen, now: Instant, reports: boolean): AgentSeen => ({
  ...one,
  lastSeenAt: now,
  reportedAt: reports ? now : one.reportedAt,
})

function told(seen: Seen, verdict: ReturnType<typeof decide>, now: Instant): Seen {
  const conditions = verdict.conditions.map((condition) => ({
    ...condition,
    lastTransitionTime: new Date(now).toISOString(),
    observedGeneration: 1,
  }))
  const before = seen.workspace.before.conditions
  const kept = conditions.map((condition) => {
    const old = before.find(({ type, status }) => type === condition.type && status === condition.status)
    return old ? Object.assign(condition, { lastTransitionTime: old.lastTransitionTime }) : condition
  })
  const newest = seen.builds[0]
  return {
    ...seen,
    workspace: {
      ...seen.workspace,
      before: { conditions: kept, build: newest ? { number: newest.number ?? 0, phase: newest.phase } : null, activity: null },
    },
  }
}

function answeredBy(seen: Seen, request: RequestSeen, now: Instant): Seen {
  if (request.answer) return seen
  const { name, namespace } = seen.workspace
  const { actions, conditions } = answer({ namespace, workspaceName: name, request, answered: null, workspace: seen }, now)
  const [succeeded] = conditions
  if (!succeeded || succeeded.status === 'Unknown') return seen
  const kept = actions.find((action) => action.do === 'keep-life')
  const answered = { ...request, answer: { succeeded: succeeded.status === 'True', reason: succeeded.reason } }
  return {
    ...seen,
    life: kept ? { ...kept.life, revision: kept.life.revision + 1 } : seen.life,
    requests: seen.requests.map((one) => (one.uid === request.uid ? answered : one)),
  }
}
