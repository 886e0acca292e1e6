import type { Instant } from '../../kernel/clock.ts'
import { never } from '../../kernel/errors.ts'
import type { Reason } from '../../kernel/reasons.ts'
import type { Job, NewBuild, NewJob, NewPlan, Transition } from '../../store/records.ts'
import { approvalOf, failedPlan, waitsSays } from './approval.ts'
import {
  buildInFlight,
  failureOf,
  isSucceededStart,
  mayBeRunning,
  newestSettled,
  newestSucceededStart,
  nothingIsLeft,
  paceOf,
  type Pace,
} from './builds.ts'
import { driftLookAt, isToBeCorrected } from './drift.ts'
import { inputsChanged, startInputs, type StartInputs } from './inputs.ts'
import { wantedLabels } from './labels.ts'
import { machineOf } from './machine.ts'
import { missingProvisioner } from './provisioner.ts'
import type { Seen } from './seen.ts'
import { isOutOfTries, startPace } from './pace.ts'
import type { Want } from './wants.ts'

/** The next step from what is to what is wanted. One at a time: its own outcome brings the next look. */
export type Step =
  /** It is as wanted. */
  | { readonly is: 'settled' }
  /** A build is under way, and is left alone. */
  | { readonly is: 'building'; readonly build: Job }
  | { readonly is: 'cancel'; readonly build: Job }
  | { readonly is: 'queue'; readonly build: NewBuild; readonly scriptsTimedOut: boolean }
  | { readonly is: 'look'; readonly look: NewJob }
  /** What a start would change is worked out first, since somebody may have to agree. */
  | { readonly is: 'plan'; readonly plan: NewPlan }
  | { readonly is: 'planning'; readonly plan: Job }
  /** Stop scripts are asked for, or are running. */
  | { readonly is: 'shutdown'; readonly asked: boolean; readonly until: Instant | null }
  /** Something keeps it from going on; waiting helps (Reconciling), or somebody has to change something (Stalled). */
  | {
      readonly is: 'held'
      readonly how: 'Reconciling' | 'Stalled'
      readonly reason: Reason
      readonly message: string
      readonly until: Instant | null
    }
  /** Nothing of it is left in the world, or nobody wants it removed: the object may go. */
  | { readonly is: 'release'; readonly gaveUp: boolean }

const SCRIPTS_MS = 120_000
const LOST_AN_HOUR_MAX = 3
const HOUR_MS = 3_600_000

export function stepTo(want: Want, seen: Seen, now: Instant): Step {
  switch (want.wants) {
    case 'running':
      return towardsRunning(want, seen, now)
    case 'stopped':
      return towardsEnd('stop', want, seen, now)
    case 'destroyed':
      return towardsEnd('destroy', want, seen, now)
    case 'gone':
      return towardsGone(want, seen, now)
    case 'as it is':
      return leftAlone(want, seen, now)
    default:
      return never(want.wants)
  }
}

function towardsRunning(want: Want, seen: Seen, now: Instant): Step {
  const build = buildInFlight(seen.builds)
  if (build) return { is: 'building', build }
  const lost = machineOf(seen).is === 'lost'
  const corrects = isToBeCorrected(seen)
  if (isSucceededStart(seen.builds[0] ?? null) && !lost && !corrects && !inputsChanged(seen)) return watched(seen, now)
  const inputs = startInputs(seen)
  if (!inputs.ready) return { ...inputs, is: 'held', how: inputs.stalled ? 'Stalled' : 'Reconciling', until: null }
  const held = startIsHeld(want, inputs.inputs, lost, seen, now)
  if (held) return held
  const reason: Reason = lost ? 'MachineLost' : corrects ? 'Drifted' : want.reason
  return agreedStart({ ...want, reason }, inputs, seen)
}

/** At once where nobody has to agree; else first a plan, and then exactly what was agreed to. */
function agreedStart(want: Want, { digest, input, inputs }: Extract<StartInputs, { ready: true }>, seen: Seen): Step {
  const start = { transition: 'start' as const, digest, inputs }
  const approval = approvalOf(seen, inputs)
  switch (approval.is) {
    case 'not needed':
      return { is: 'queue', build: newBuild(want, seen, { ...start, input }), scriptsTimedOut: false }
    case 'to plan': {
      const { number: _number, ...plan } = newBuild(want, seen, { ...start, input })
      return { is: 'plan', plan: { ...plan, transition: 'start' } }
    }
    case 'planning':
      return { is: 'planning', plan: approval.plan.job }
    case 'failed': {
      const { reason, message } = failedPlan(approval.plan)
      return stalled(reason, message)
    }
    case 'waits':
      // Nothing is wrong with it, and nothing of ours would help: it goes on when a person has looked.
      return { is: 'held', how: 'Reconciling', reason: 'AwaitingApproval', message: waitsSays(seen, approval.summary), until: null }
    case 'granted': {
      const plan = { jobId: approval.plan.job.id, digest: approval.summary.digest }
      // Values that changed since, as of ephemeral parameters, are not in the plan: it is carried out as it was shown.
      const planned = approval.plan.job.input ?? input
      return { is: 'queue', build: newBuild(want, seen, { ...start, input: { ...planned, plan } }), scriptsTimedOut: false }
    }
    default:
      return never(approval)
  }
}

function startIsHeld(want: Want, inputs: string, lost: boolean, seen: Seen, now: Instant): Step | null {
  const pace = startPace(seen, inputs, want.request)
  const failed = want.anew ? undefined : pace.failures[0]
  if (failed && isOutOfTries(seen, inputs, want.request)) return givenUp(failed)
  if (want.until !== null && want.until > now) return retrying(pace, want.until)
  const recent = seen.builds.filter((build) => build.reason === 'MachineLost' && build.queuedAt > now - HOUR_MS)
  if (lost && recent.length >= LOST_AN_HOUR_MAX) {
    const until = Math.min(...recent.slice(0, LOST_AN_HOUR_MAX).map(({ queuedAt }) => queuedAt)) + HOUR_MS
    return stalled('MachineLost', `Its machine was lost ${LOST_AN_HOUR_MAX} times within an hour: it is not started again for now.`, until)
  }
  return want.request ? null : noProvisioner(seen, now)
}

function towardsEnd(transition: 'stop' | 'destroy', want: Want, seen: Seen, now: Instant): Step {
  const build = buildInFlight(seen.builds)
  if (build) return toldToEnd(build, want)
  // A stop of what was stopped changes nothing; a destroy removes what a stop leaves behind.
  const ended = transition === 'stop' ? !mayBeRunning(seen.builds) : nothingIsLeft(seen.builds)
  if (ended) return { is: 'settled' }
  const pace = paceOf(seen.builds, transition, () => true)
  if (want.until !== null && want.until > now) return retrying(pace, want.until)
  const gate = want.request ? null : noProvisioner(seen, now)
  if (gate) return gate
  const scripts = stopScripts(seen, now, want.scriptsMs ?? SCRIPTS_MS)
  if (scripts.is === 'running') return { is: 'shutdown', asked: scripts.asked, until: scripts.until }
  return { is: 'queue', build: newBuild(want, seen, { transition, ...lastApplied(seen) }), scriptsTimedOut: scripts.is === 'late' }
}

const toldToEnd = (build: Job, want: Want): Step =>
  build.transition === 'start' && want.cancelsStart && build.cancelRequestedAt === null
    ? { is: 'cancel', build }
    : { is: 'building', build }

function towardsGone(want: Want, seen: Seen, now: Instant): Step {
  const { workspace, builds } = seen
  if (nothingIsLeft(builds) && !buildInFlight(builds)) return { is: 'release', gaveUp: false }
  const build = buildInFlight(builds)
  // Even what nobody wants removed is not let go while terraform works on it.
  if (build) return toldToEnd(build, want)
  if (workspace.abandoned) return { is: 'release', gaveUp: true }
  if (workspace.deletionPolicy === 'Orphan') return { is: 'release', gaveUp: false }
  return towardsEnd('destroy', want, seen, now)
}

/** Nothing is wanted: still, a machine that fell silent is looked for, and what failed for good is said. */
function leftAlone(want: Want, seen: Seen, now: Instant): Step {
  const build = buildInFlight(seen.builds)
  if (build) return { is: 'building', build }
  if (want.reason === 'Paused') return { is: 'settled' }
  const newest = newestSettled(seen.builds)
  return newest && newest.phase !== 'Succeeded' ? givenUp(newest) : watched(seen, now)
}

/** As wanted; if an agent is silent, its machine is looked for, and now and then whether all is as it was built. */
function watched(seen: Seen, now: Instant): Step {
  const reason = reasonToLook(seen, now)
  if (reason === null || missingProvisioner(seen, now)) return { is: 'settled' }
  const { digest } = lastApplied(seen)
  const look: NewJob = { ...jobOf(seen), digest, reason, initiator: 'bothy', class: 'background' }
  return { is: 'look', look }
}

function reasonToLook(seen: Seen, now: Instant): Reason | null {
  const machine = machineOf(seen)
  const isSilent = (machine.is === 'silent' || machine.is === 'present') && machine.lookAt !== null && machine.lookAt <= now
  if (isSilent) return 'AgentDisconnected'
  const driftAt = machine.is === 'fine' ? driftLookAt(seen) : null
  return driftAt !== null && driftAt <= now ? 'DriftLook' : null
}

function givenUp(newest: Job): Step {
  const reason: Reason = newest.phase === 'Canceled' ? 'BuildCanceled' : newest.transition === 'start' ? 'StartFailed' : 'BuildFailed'
  return stalled(reason, `${failureOf(newest)} It is tried again when its spec or template changes, or when somebody asks for it.`)
}

const stalled = (reason: Reason, message: string, until: Instant | null = null): Step => ({
  is: 'held',
  how: 'Stalled',
  reason,
  message,
  until,
})

function retrying({ failures }: Pace, until: Instant): Step {
  const message = `${failures[0] ? failureOf(failures[0]) : 'The build failed.'} It is tried again.`
  return { is: 'held', how: 'Reconciling', reason: 'Retry', message, until }
}

function noProvisioner(seen: Seen, now: Instant): Step | null {
  const missing = missingProvisioner(seen, now)
  return missing && { is: 'held', how: 'Reconciling', reason: missing.reason, message: missing.message, until: missing.lookAgainAt }
}

type Scripts = { readonly is: 'done' | 'late' } | { readonly is: 'running'; readonly asked: boolean; readonly until: Instant | null }

/** Agents that can still run their stop scripts are waited for, up to a limit; one that is not connected is not. */
function stopScripts({ agents, builds }: Seen, now: Instant, limitMs: number): Scripts {
  const builtAt = builds[0]?.finishedAt ?? 0
  const able = agents.filter(
    ({ status, lifecycle }) =>
      status === 'Connected' && ['Created', 'Starting', 'Ready', 'StartError', 'StartTimeout', 'ShuttingDown'].includes(lifecycle),
  )
  if (able.length === 0) return { is: 'done' }
  // A wish of an earlier stop says nothing about this one.
  const wishes = able.map(({ shutdownRequestedAt }) =>
    shutdownRequestedAt !== null && shutdownRequestedAt >= builtAt ? shutdownRequestedAt : null,
  )
  const askedAt = wishes.every((at) => at !== null) ? Math.max(...wishes) : null
  if (askedAt === null) return { is: 'running', asked: false, until: null }
  return now >= askedAt + limitMs ? { is: 'late' } : { is: 'running', asked: true, until: askedAt + limitMs }
}

/** What a stop or destroy is made of: what last stood in the world, not what is declared today. */
function lastApplied(seen: Seen): Pick<NewBuild, 'digest' | 'input' | 'inputs'> {
  const last = newestSucceededStart(seen.builds) ?? seen.builds.find(({ input }) => input !== null)
  if (!last?.input) throw new Error(`workspace ${seen.workspace.name} has builds, and none says what it was made of`)
  // Credentials may have been renewed since; without the template the old ones are all there is.
  const fresh = seen.template && !seen.template.variablesProblem ? seen.template.variables : last.input.variables
  // What somebody agreed to was that start, and nothing after it.
  const { plan: _plan, ...input } = last.input
  return { digest: last.digest, input: { ...input, variables: fresh }, inputs: last.inputs }
}

function newBuild(
  want: Want,
  seen: Seen,
  made: Pick<NewBuild, 'digest' | 'input' | 'inputs'> & { readonly transition: Transition },
): NewBuild {
  const { request } = want
  return {
    ...jobOf(seen),
    ...made,
    number: (seen.builds[0]?.number ?? 0) + 1,
    reason: want.reason,
    initiator: request ? `request ${request.name}` : 'bothy',
    class: request || want.reason === 'Created' ? 'person' : 'clock',
    requestUid: request?.uid ?? null,
  }
}

const jobOf = (seen: Seen) => ({
  subject: { uid: seen.workspace.uid, namespace: seen.workspace.namespace, name: seen.workspace.name },
  labels: wantedLabels(seen),
})
