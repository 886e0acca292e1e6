import type { Instant } from '../../kernel/clock.ts'
import { never } from '../../kernel/errors.ts'
import { sentenceOf, type Explanation } from '../verdict.ts'
import { mayBeRunning, newestSettled, paceOf, standingStart } from './builds.ts'
import {
  autostartIsDue,
  deadlineHasPassed,
  failedStartIsCleanedUp,
  itHasExpired,
  itIsDormant,
  itIsUnused,
  nobodyUsesIt,
  stopIsRequired,
} from './clock-rules.ts'
import { driftOf, driftSays, isToBeCorrected } from './drift.ts'
import { inputsChanged, startInputs } from './inputs.ts'
import { machineOf } from './machine.ts'
import type { Opinion, Rule } from './opinion.ts'
import { isOutOfTries, startPace } from './pace.ts'
import { askedFor, openPowerRequest } from './requests.ts'
import { deadlines } from './schedule/stops.ts'
import type { Seen } from './seen.ts'

export interface Want extends Opinion {
  readonly rule: string
  readonly until: Instant | null
}

const SCRIPTS_SUSPENDED_MS = 10_000

function workspaceIsBeingDeleted({ workspace }: Seen): Opinion | null {
  return workspace.deleting ? { wants: 'gone', reason: 'Deleted', message: 'The workspace is being deleted.', cancelsStart: true } : null
}

function ownerIsSuspended({ owner }: Seen): Opinion | null {
  if (!owner.suspended) return null
  const message = 'Its owner is suspended.'
  return { wants: 'stopped', reason: 'Suspended', message, cancelsStart: true, scriptsMs: SCRIPTS_SUSPENDED_MS }
}

function bothyIsBroughtDown({ broughtDown }: Seen): Opinion | null {
  return broughtDown ? { wants: 'stopped', reason: 'BroughtDown', message: 'Bothy is being brought down.', cancelsStart: true } : null
}

function workspaceIsPaused({ workspace }: Seen): Opinion | null {
  const message = 'The workspace is paused (annotation bothy.dev/paused): nothing is done to it.'
  return workspace.paused ? { wants: 'as it is', reason: 'Paused', message } : null
}

function powerIsStopped({ workspace }: Seen): Opinion | null {
  return workspace.power === 'Stopped'
    ? { wants: 'stopped', reason: 'Policy', message: 'It is declared with power: Stopped.', cancelsStart: true }
    : null
}

function somebodyAsked(seen: Seen): Opinion | null {
  const request = openPowerRequest(seen)
  if (!request) return null
  const wants = askedFor(request, seen)
  const message = `Somebody asked for it (${request.action}, request ${request.name}).`
  // A restart waits for its own start; what it cancels is a start that was under way before.
  return { wants, reason: 'Requested', message, request, cancelsStart: wants === 'stopped' }
}

function powerIsRunning({ workspace }: Seen): Opinion | null {
  return workspace.power === 'Running' ? { wants: 'running', reason: 'Policy', message: 'It is declared with power: Running.' } : null
}

function failedBuildIsTriedAgain(seen: Seen): Opinion | null {
  const newest = newestSettled(seen.builds)
  if (!newest || newest.phase === 'Succeeded') return null
  switch (newest.transition) {
    case 'start':
      return startMayBeTriedAgain(seen) ? { wants: 'running', reason: 'Retry', message: 'The last start did not succeed.' } : null
    case 'stop':
      // Other reasons to stop have their own rules, which speak for themselves while they still hold.
      if (newest.reason !== 'Requested' || !mayBeRunning(seen.builds)) return null
      return { wants: 'stopped', reason: 'Requested', message: 'Somebody asked for a stop that did not succeed.' }
    case 'destroy':
    case null:
      return null
  }
}

function machineIsLost(seen: Seen, now: Instant): Opinion | null {
  // What is over is not begun again, though a hold or a restart of the controller keeps it from being stopped just now.
  const { deadlineAt, maxDeadlineAt } = deadlines(seen)
  if (Math.min(deadlineAt ?? Infinity, maxDeadlineAt ?? Infinity) <= now) return null
  return machineOf(seen).is === 'lost' ? { wants: 'running', reason: 'MachineLost', message: 'Its machine is gone.' } : null
}

function inputsHaveChanged(seen: Seen): Opinion | null {
  if (!mayBeRunning(seen.builds) || !inputsChanged(seen)) return null
  const inputs = startInputs(seen)
  const outOfTries = inputs.ready && isOutOfTries(seen, inputs.inputs)
  return outOfTries ? null : { wants: 'running', reason: 'Updated', message: 'Its parameters, preset or version changed.' }
}

function bothyIsUpAgain({ builds }: Seen): Opinion | null {
  const newest = newestSettled(builds)
  const stoppedByDown = newest?.transition === 'stop' && newest.reason === 'BroughtDown'
  return stoppedByDown ? { wants: 'running', reason: 'Resumed', message: 'It ran when Bothy was brought down.' } : null
}

function workspaceWasNeverBuilt({ builds }: Seen): Opinion | null {
  return newestSettled(builds) ? null : { wants: 'running', reason: 'Created', message: 'It was never built.' }
}

function whatWasBuiltHasDrifted(seen: Seen): Opinion | null {
  return isToBeCorrected(seen) ? { wants: 'running', reason: 'Drifted', message: driftSays(driftOf(seen)) } : null
}

/** The specification of when a workspace runs: the first that has an opinion wins. */
export const RULES: readonly (readonly [number: string, rule: Rule])[] = [
  // Deleting wins over everything: an object that is going away must not start anything.
  ['1', workspaceIsBeingDeleted],
  ['2', ownerIsSuspended],
  // Before paused and power: `bothy down` promises that no machine is left, whatever is declared.
  ['down', bothyIsBroughtDown],
  // After suspended: a suspended owner cannot hide behind a pause.
  ['3', workspaceIsPaused],
  // Before power: Stopped, which would keep for ever what nobody wants.
  ['4', itHasExpired],
  ['5', powerIsStopped],
  // Before power: Running, which a restart works under; a Stop is refused there.
  ['6', somebodyAsked],
  // Before power: Running, which starts it again at once; after requests, so that a person's wish is done first.
  ['7', stopIsRequired],
  ['8', powerIsRunning],
  // Before the rules of the clock: what began is finished first.
  ['9', failedBuildIsTriedAgain],
  ['10', deadlineHasPassed],
  ['11', nobodyUsesIt],
  ['12', machineIsLost],
  // After machineIsLost, whose build puts everything right; only where the template says Correct.
  ['drift', whatWasBuiltHasDrifted],
  ['13', failedStartIsCleanedUp],
  // Before everything that starts: only somebody who wants it wakes what is dormant.
  ['14', itIsDormant],
  ['15', itIsUnused],
  ['16', inputsHaveChanged],
  ['17', autostartIsDue],
  // After everything that has an opinion about a workspace that was stopped for another reason.
  ['up', bothyIsUpAgain],
  ['18', workspaceWasNeverBuilt],
]

const AS_IT_IS: Opinion = { wants: 'as it is', reason: 'Handled', message: 'No rule wants a change.' }

/** Whether the workspace should run. The only place that decides it. */
export function wants(seen: Seen, now: Instant): Want {
  for (const [, rule] of RULES) {
    const opinion = rule(seen, now)
    if (opinion) return { ...opinion, rule: sentenceOf(rule.name), until: untilOf(seen, opinion) }
  }
  return { ...AS_IT_IS, rule: 'otherwise', until: null }
}

/** Every rule with what it says, in order; the first with an opinion decides. */
export function explained(seen: Seen, now: Instant): Explanation[] {
  let decided = false
  return RULES.map(([number, rule]) => {
    const opinion = rule(seen, now)
    const decides = opinion !== null && !decided
    decided ||= decides
    return {
      rule: `${number}: ${sentenceOf(rule.name)}`,
      opinion: opinion ? `${opinion.wants} (${opinion.reason}): ${opinion.message}` : 'no opinion',
      decides,
    }
  })
}

/** An expired workspace costs nothing but what is left of it. */
const EXPIRED_AGAIN_MS = 24 * 3_600_000

/** A failed transition is not made again before this. */
function untilOf(seen: Seen, opinion: Opinion): Instant | null {
  if (opinion.anew) return null
  switch (opinion.wants) {
    case 'running': {
      const inputs = startInputs(seen)
      return inputs.ready ? startPace(seen, inputs.inputs, opinion.request).nextAt : null
    }
    case 'stopped':
      return paceOf(seen.builds, 'stop', () => true).nextAt
    case 'destroyed': {
      const [failed] = paceOf(seen.builds, 'destroy', () => true).failures
      return failed ? (failed.finishedAt ?? failed.queuedAt) + EXPIRED_AGAIN_MS : null
    }
    case 'gone':
      return paceOf(seen.builds, 'destroy', () => true).nextAt
    case 'as it is':
      return null
    default:
      return never(opinion.wants)
  }
}

function startMayBeTriedAgain(seen: Seen): boolean {
  const inputs = startInputs(seen)
  // Inputs that are not ready are held by their own condition, which this opinion lets a person see. But what runs still
  // meets its deadline, and what failed for good is cleaned up, with the template or without it.
  if (inputs.ready) return !isOutOfTries(seen, inputs.inputs)
  return standingStart(seen.builds) === null && !isOutOfTries(seen, newestSettled(seen.builds)?.inputs ?? '')
}
