import { toIso, type Instant } from '../../kernel/clock.ts'
import { keyOf, type Key } from '../../kernel/names.ts'
import type { Reason } from '../../kernel/reasons.ts'
import type { LifeRow } from '../../store/records.ts'
import type { GivenCondition } from '../../status/conditions.ts'
import { sentenceOf, type Explanation, type Verdict } from '../verdict.ts'
import { buildInFlight, capital } from '../workspace/builds.ts'
import { waitingPlan } from '../workspace/approval.ts'
import { remembering } from '../workspace/life.ts'
import { isPowerRequest, newestPowerRequest, refusalOf } from '../workspace/requests.ts'
import { hasStarted, outcomeOf } from './outcome.ts'
import type { Seen } from './seen.ts'
import { comesBefore, extended, held, isTimeRequest } from './time.ts'

export type Action =
  | { readonly do: 'cancel-build'; readonly jobId: string; readonly by: string }
  | { readonly do: 'approve-plan'; readonly jobId: string; readonly by: string }
  | { readonly do: 'keep-life'; readonly workspaceUid: string; readonly workspaceKey: Key; readonly life: LifeRow }
  | { readonly do: 'remove' }

/** What a rule says about a request: its answer, or what it waits for. */
interface Opinion {
  /** null: not answered yet. */
  readonly succeeded: boolean | null
  readonly reason: Reason
  readonly message: string
  readonly actions?: readonly Action[]
  readonly wakeAt?: Instant
}

export type Rule = (seen: Seen, now: Instant) => Opinion | null

const WITHOUT_WORKSPACE_MS = 600_000
const KEPT_MS = 3_600_000
const LOOK_AGAIN_MS = 5_000

const no = (reason: Reason, message: string): Opinion => ({ succeeded: false, reason, message })

function requestIsDeclared({ request, workspace }: Seen): Opinion | null {
  const refusal = request.declared && workspace ? refusalOf(request, workspace) : null
  if (refusal) return no(refusal.reason, refusal.message)
  return request.declared
    ? no('NotDeclarable', 'A request is made once by somebody; a folder or repository would make it again and again.')
    : null
}

function itsWorkspaceIsGone({ request, workspace, workspaceName }: Seen): Opinion | null {
  if (request.boundUid === null || workspace?.workspace.uid === request.boundUid) return null
  if (request.action === 'Stop') return { succeeded: true, reason: 'Stopped', message: `Workspace ${workspaceName} is gone.` }
  return no('WorkspaceNotFound', `Workspace ${workspaceName}, which was meant, does not exist any more.`)
}

function thereIsNoWorkspace({ request, workspace, workspaceName }: Seen, now: Instant): Opinion | null {
  if (workspace) return null
  const expiresAt = request.createdAt + WITHOUT_WORKSPACE_MS
  if (now >= expiresAt) return no('WorkspaceNotFound', `There was no workspace ${workspaceName} for ten minutes.`)
  return { succeeded: null, reason: 'WorkspaceNotFound', message: `There is no workspace ${workspaceName} yet.`, wakeAt: expiresAt }
}

function ownStartSucceeded({ request, workspace }: Seen): Opinion | null {
  if (!workspace || !isPowerRequest(request) || request.action === 'Stop' || !hasStarted(request, workspace)) return null
  return { succeeded: true, reason: 'BuildSucceeded', message: `Workspace ${workspace.workspace.name} was started.` }
}

function itIsRefused({ request, workspace }: Seen): Opinion | null {
  const refusal = workspace && refusalOf(request, workspace)
  return refusal && no(refusal.reason, refusal.message)
}

function newerRequestCounts({ request, workspace }: Seen): Opinion | null {
  const newest = workspace && isPowerRequest(request) ? newestPowerRequest(workspace) : null
  return newest && newest.uid !== request.uid ? no('Superseded', `Request ${newest.name} (${newest.action}) came later and counts.`) : null
}

function buildIsCanceled({ request, workspace }: Seen): Opinion | null {
  if (!workspace || request.action !== 'CancelBuild') return null
  const build = buildInFlight(workspace.builds)
  if (!build) return no('NothingToCancel', `Workspace ${workspace.workspace.name} has no build in flight.`)
  const message = `${capital(build.transition ?? 'build')} build ${build.number ?? 0} is told to stop; what it made so far is kept.`
  return {
    succeeded: true,
    reason: 'CancelRequested',
    message,
    actions: [{ do: 'cancel-build', jobId: build.id, by: `request ${request.name}` }],
  }
}

/** By this very request, which nobody was told of: whoever wrote it down was gone before the answer was. */
const agreedBefore = ({ plan }: NonNullable<Seen['workspace']>, { name, planDigest }: Seen['request']): boolean =>
  plan?.approvedBy === `request ${name}` && plan.job.result?.plan?.digest === planDigest

function planIsAgreedTo({ request, workspace }: Seen): Opinion | null {
  if (!workspace || request.action !== 'Approve') return null
  const name = `Workspace ${workspace.workspace.name}`
  const agreed = agreedBefore(workspace, request)
  if (agreed) return { succeeded: true, reason: 'Approved', message: `The plan of workspace ${workspace.workspace.name} was agreed to.` }
  const waiting = waitingPlan(workspace)
  if (!waiting) return no('NothingToApprove', `${name} has no plan that waits for somebody to agree.`)
  const { digest } = waiting.summary
  if (digest !== request.planDigest)
    return no('PlanChanged', `The plan that was looked at counts no more; the one that waits now is ${digest}.`)
  return {
    succeeded: true,
    reason: 'Approved',
    message: `The plan of workspace ${workspace.workspace.name} is agreed to; it is carried out as it was shown.`,
    actions: [{ do: 'approve-plan', jobId: waiting.plan.job.id, by: `request ${request.name}` }],
  }
}

/** One after the other, or the older one would undo the newer. */
function olderOneComesFirst({ request, workspace }: Seen, now: Instant): Opinion | null {
  if (!workspace || !isTimeRequest(request)) return null
  const { uid } = workspace.workspace
  const older = workspace.requests.find(
    (other) =>
      isTimeRequest(other) &&
      !other.answer &&
      !other.declared &&
      (other.boundUid === null || other.boundUid === uid) &&
      comesBefore(other, request),
  )
  if (!older) return null
  return { succeeded: null, reason: 'Waiting', message: `Request ${older.name} is answered first.`, wakeAt: now + LOOK_AGAIN_MS }
}

function itsTimeIsMoved({ request, workspace, namespace, workspaceName }: Seen, now: Instant): Opinion | null {
  if (!workspace || !isTimeRequest(request)) return null
  const current = remembering(workspace, now)
  const { succeeded, reason, message, life } = request.action === 'Extend' ? extended(request, current, now) : held(request, current, now)
  const workspaceKey = keyOf('Workspace', namespace, workspaceName)
  const actions: Action[] = life ? [{ do: 'keep-life', workspaceUid: workspace.workspace.uid, workspaceKey, life }] : []
  return { succeeded, reason, message, actions }
}

function itsOutcomeIsAwaited({ request, workspace }: Seen, now: Instant): Opinion | null {
  if (!workspace || !isPowerRequest(request)) return null
  const outcome = outcomeOf(request, workspace)
  // Its workspace wakes it with every step; this is for the one that was lost.
  return outcome.succeeded === null ? { ...outcome, wakeAt: now + LOOK_AGAIN_MS } : outcome
}

/** The first that has an opinion answers. */
export const RULES: readonly Rule[] = [
  // Before everything: such a request would come back each time its source is read.
  requestIsDeclared,
  // A namesake made later was never meant.
  itsWorkspaceIsGone,
  thereIsNoWorkspace,
  // Before refusals: what was done before somebody paused or suspended was done.
  ownStartSucceeded,
  itIsRefused,
  newerRequestCounts,
  buildIsCanceled,
  planIsAgreedTo,
  olderOneComesFirst,
  itsTimeIsMoved,
  itsOutcomeIsAwaited,
]

export function decide(seen: Seen, now: Instant): Verdict<Action> {
  if (seen.answered) return standing(seen, seen.answered, now)
  const opinion = RULES.map((rule) => rule(seen, now)).find((one) => one !== null)
  if (!opinion) throw new Error(`no rule answers a request to ${seen.request.action}`)
  const { succeeded, reason, message, actions = [], wakeAt = null } = opinion
  const bound = seen.request.boundUid ?? seen.workspace?.workspace.uid
  return {
    actions,
    conditions: conditionsOf({ type: 'Succeeded', status: succeeded === null ? 'Unknown' : succeeded ? 'True' : 'False', reason, message }),
    status: { ...(bound ? { workspaceUid: bound } : {}), ...(succeeded === null ? {} : { handledAt: toIso(now) }), message },
    wakeAt: succeeded === null ? wakeAt : now + KEPT_MS,
  }
}

/** Whoever waits for a request as for any object is told that it goes on, or that it never will. */
function conditionsOf(succeeded: GivenCondition): GivenCondition[] {
  const { status, reason, message } = succeeded
  if (status === 'True') return [succeeded]
  return [succeeded, { type: status === 'False' ? 'Stalled' : 'Reconciling', status: 'True', reason, message }]
}

/** An answer never changes; after a while nobody needs it any longer. */
function standing({ request }: Seen, { at, condition }: NonNullable<Seen['answered']>, now: Instant): Verdict<Action> {
  const goesAt = at + KEPT_MS
  return {
    actions: now >= goesAt ? [{ do: 'remove' }] : [],
    conditions: conditionsOf(condition),
    status: { ...(request.boundUid ? { workspaceUid: request.boundUid } : {}), handledAt: toIso(at), message: condition.message },
    wakeAt: now >= goesAt ? null : goesAt,
  }
}

export function explained(seen: Seen, now: Instant): Explanation[] {
  let decided = false
  return RULES.map((rule) => {
    const opinion = rule(seen, now)
    const decides = opinion !== null && !decided
    decided ||= decides
    return {
      rule: sentenceOf(rule.name),
      opinion: opinion ? `${opinion.reason}: ${opinion.message}` : 'no opinion',
      decides,
    }
  })
}
