import { never } from '../../kernel/errors.ts'
import type { Reason } from '../../kernel/reasons.ts'
import { approvalOf, failedPlan, waitsSays } from '../workspace/approval.ts'
import { buildInFlight, capital, failureOf, isSucceededStart, mayBeRunning, paceOf, type Pace } from '../workspace/builds.ts'
import { inputsChanged, startInputs } from '../workspace/inputs.ts'
import { machineOf } from '../workspace/machine.ts'
import { askedFor, type PowerRequest } from '../workspace/requests.ts'
import type { Seen as Sight } from '../workspace/seen.ts'
import { isOutOfTries, startPace } from '../workspace/pace.ts'

/** What has become of a request to start, stop or restart. */
export interface Outcome {
  /** null: not known yet. */
  readonly succeeded: boolean | null
  readonly reason: Reason
  readonly message: string
}

const STOP_TRIES_MAX = 3

export function outcomeOf(request: PowerRequest, sight: Sight): Outcome {
  switch (request.action) {
    case 'Start':
      return startOutcome(request, sight)
    case 'Stop':
      return stopOutcome(request, sight)
    case 'Restart':
      return restartOutcome(request, sight)
    default:
      return never(request.action)
  }
}

const runs = (sight: Sight): boolean => isSucceededStart(sight.builds[0] ?? null) && machineOf(sight).is !== 'lost' && !inputsChanged(sight)

function startOutcome(request: PowerRequest, sight: Sight): Outcome {
  // It may run for a moment longer: it has to be woken up first, or it would be stopped after the answer.
  if (sight.life.dormantAt !== null) return underWay(sight, 'start')
  if (runs(sight)) return { succeeded: true, reason: 'Running', message: `Workspace ${sight.workspace.name} is running.` }
  return startGaveUp(request, sight) ?? plansFirst(request, sight) ?? underWay(sight, 'start')
}

/** What somebody has to agree to is no failure; what cannot be planned is. */
function plansFirst(request: PowerRequest, sight: Sight): Outcome | null {
  const inputs = startInputs(sight)
  const approval = inputs.ready && !buildInFlight(sight.builds) ? approvalOf(sight, inputs.inputs) : null
  if (approval?.is === 'waits') return { succeeded: null, reason: 'AwaitingApproval', message: waitsSays(sight, approval.summary) }
  if (approval?.is === 'planning' || approval?.is === 'to plan')
    return {
      succeeded: null,
      reason: 'Planning',
      message: `What a start of workspace ${sight.workspace.name} would change is being worked out.`,
    }
  return approval?.is === 'failed' && approval.plan.job.queuedAt >= request.createdAt
    ? { succeeded: false, ...failedPlan(approval.plan) }
    : null
}

function startGaveUp(request: PowerRequest, sight: Sight): Outcome | null {
  const inputs = startInputs(sight)
  if (!inputs.ready || buildInFlight(sight.builds)) return null
  return isOutOfTries(sight, inputs.inputs, request) ? gaveUp(startPace(sight, inputs.inputs, request), 'StartFailed') : null
}

function stopOutcome(request: PowerRequest, sight: Sight): Outcome {
  const stopped = !mayBeRunning(sight.builds) && !buildInFlight(sight.builds)
  if (stopped) return { succeeded: true, reason: 'Stopped', message: `Workspace ${sight.workspace.name} is stopped.` }
  return stopGaveUp(request, sight) ?? underWay(sight, 'stop')
}

/** Tries go on after that: leaving things running costs money. */
function stopGaveUp(request: PowerRequest, { builds }: Sight): Outcome | null {
  const pace = paceOf(builds, 'stop', ({ requestUid }) => requestUid === request.uid)
  return pace.tries >= STOP_TRIES_MAX ? gaveUp(pace, 'GaveUp') : null
}

function restartOutcome(request: PowerRequest, sight: Sight): Outcome {
  // Whoever started it after its own stop did its second leg.
  if (askedFor(request, sight) === 'running' && runs(sight))
    return { succeeded: true, reason: 'Running', message: `Workspace ${sight.workspace.name} was restarted.` }
  const ownStart = sight.builds.some(({ requestUid, transition }) => requestUid === request.uid && transition === 'start')
  const starts = askedFor(request, sight) === 'running'
  const over = ownStart ? startGaveUp(request, sight) : starts ? plansFirst(request, sight) : stopGaveUp(request, sight)
  return over ?? underWay(sight, 'restart')
}

/** A start of its own succeeded, whatever has been asked since. */
export const hasStarted = (request: PowerRequest, { builds }: Sight): boolean =>
  builds.some((build) => build.requestUid === request.uid && isSucceededStart(build))

function gaveUp({ failures, canceledByPerson }: Pace, reason: Reason): Outcome {
  const message = failures[0] ? failureOf(failures[0]) : 'It did not succeed.'
  return { succeeded: false, reason: canceledByPerson ? 'BuildCanceled' : reason, message }
}

function underWay({ builds, workspace }: Sight, what: string): Outcome {
  const build = buildInFlight(builds)
  if (!build) return { succeeded: null, reason: 'Waiting', message: `Workspace ${workspace.name} is about to ${what}.` }
  const message = `${capital(build.transition ?? 'build')} build ${build.number ?? 0} is ${build.phase === 'Queued' ? 'waiting for a provisioner' : 'running'}.`
  return { succeeded: null, reason: build.phase === 'Queued' ? 'Queued' : 'BuildInProgress', message }
}
