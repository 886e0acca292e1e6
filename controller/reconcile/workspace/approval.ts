import type { Reason } from '../../kernel/reasons.ts'
import type { PlanSummary } from '../../store/records.ts'
import { ended } from '../verdict.ts'
import { isInFlight, newestSucceededStart } from './builds.ts'
import { isToBeCorrected } from './drift.ts'
import { startInputs } from './inputs.ts'
import type { PlanSeen, Seen } from './seen.ts'

/**
 * Whether somebody has to agree before a start changes what was built, and how far that is.
 *
 *   change ──► to plan ──► planning ──► waits ──agreed──► granted: a start carries out exactly this plan
 *                                  └──► failed
 *
 * A plan is void once its inputs are not today's, or any build came after it: what it was worked out from is gone.
 */
export type Approval =
  | { readonly is: 'not needed' | 'to plan' }
  | { readonly is: 'planning' | 'failed'; readonly plan: PlanSeen }
  | { readonly is: 'waits' | 'granted'; readonly plan: PlanSeen; readonly summary: PlanSummary }

type Policy = Seen['workspace']['approval']

const STRICTNESS: Readonly<Record<Policy, number>> = { Auto: 0, PlanIfDestroys: 1, Plan: 2 }

/** A workspace may only be stricter than its template. */
export function policyOf(workspace: Policy, template: Policy): Policy {
  return STRICTNESS[workspace] > STRICTNESS[template] ? workspace : template
}

/** `inputs`: of the start that is wanted. */
export function approvalOf(seen: Seen, inputs: string): Approval {
  const policy = policyOf(seen.workspace.approval, seen.template?.approval ?? 'Auto')
  const last = newestSucceededStart(seen.builds)
  // The first start changes nothing, and neither does one that is made of the same.
  const changes = last !== null && (last.inputs !== inputs || isToBeCorrected(seen))
  if (policy === 'Auto' || !changes) return { is: 'not needed' }
  const plan = standingPlan(seen, inputs)
  if (!plan) return { is: 'to plan' }
  if (isInFlight(plan.job)) return { is: 'planning', plan }
  const summary = plan.job.phase === 'Succeeded' ? plan.job.result?.plan : undefined
  if (!summary) return wasAskedAnew(seen, plan) ? { is: 'to plan' } : { is: 'failed', plan }
  return { is: plan.approvedBy !== null || needsNobody(policy, summary) ? 'granted' : 'waits', plan, summary }
}

function standingPlan({ plan, builds }: Seen, inputs: string): PlanSeen | null {
  if (!plan || plan.job.inputs !== inputs) return null
  return builds.some(({ id }) => Number(id) > Number(plan.job.id)) ? null : plan
}

/** A plan that failed is made again when somebody asks, and not by itself. */
const wasAskedAnew = ({ requests }: Seen, { job }: PlanSeen): boolean =>
  requests.some(({ action, answer, createdAt }) => !answer && (action === 'Start' || action === 'Restart') && createdAt > job.queuedAt)

const needsNobody = (policy: Policy, { add, change, destroy, lost }: PlanSummary): boolean =>
  add + change + destroy === 0 || (policy === 'PlanIfDestroys' && lost.length === 0)

/** The plan that somebody could agree to now. */
export function waitingPlan(seen: Seen): { readonly plan: PlanSeen; readonly summary: PlanSummary } | null {
  const inputs = startInputs(seen)
  const approval = inputs.ready ? approvalOf(seen, inputs.inputs) : null
  return approval?.is === 'waits' ? { plan: approval.plan, summary: approval.summary } : null
}

export function waitsSays({ workspace }: Seen, { digest, add, change, destroy, lost }: PlanSummary): string {
  const loses = lost.length === 0 ? '' : ` What outlives a stop would be lost: ${shown(lost)}.`
  const counts = `${add} to add, ${change} to change, ${destroy} to destroy`
  return `Plan ${digest.replace('sha256:', '').slice(0, 12)} waits for somebody to agree (${counts}).${loses} bothy approve ${workspace.name}`
}

const SHOWN_MAX = 5

const shown = (addresses: readonly string[]): string =>
  `${addresses.slice(0, SHOWN_MAX).join(', ')}${addresses.length > SHOWN_MAX ? ` and ${addresses.length - SHOWN_MAX} more` : ''}`

export function failedPlan({ job }: PlanSeen): { readonly reason: Reason; readonly message: string } {
  const why = job.phase === 'Canceled' ? 'it was canceled' : (job.error ?? 'it left no message')
  return {
    reason: 'PlanFailed',
    message: `The change could not be planned: ${ended(why)} It is planned again when its spec or template changes, or when somebody asks for a start.`,
  }
}
