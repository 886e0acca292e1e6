import type { Happening } from '../../cluster/port.ts'
import type { Instant } from '../../kernel/clock.ts'
import type { Reason } from '../../kernel/reasons.ts'
import { storedMessage } from '../../status/conditions.ts'
import type { Job } from '../../store/records.ts'
import { failureOf, isInFlight } from './builds.ts'
import { driftOf, driftSays } from './drift.ts'
import { missingProvisioner } from './provisioner.ts'
import type { Seen } from './seen.ts'
import type { Step } from './step.ts'

export const happening = ({ workspace }: Seen, type: Happening['type'], reason: Reason, action: string, note: string): Happening => ({
  regarding: { kind: 'Workspace', namespace: workspace.namespace, name: workspace.name, uid: workspace.uid },
  type,
  reason,
  action,
  note,
})

/** What happened since the status was last written: told once, since the status written after it says it is known. */
export function happenings(seen: Seen, step: Step, now: Instant): Happening[] {
  return [...buildEnded(seen, step), ...nobodyBuilds(seen, step, now), ...planWaits(seen, step), ...hasDrifted(seen)]
}

function buildEnded(seen: Seen, step: Step): Happening[] {
  const build = seen.builds.find((job) => !isInFlight(job))
  if (!build || build.number === null) return []
  const known = seen.workspace.before.build
  if (known && (known.number > build.number || (known.number === build.number && known.phase === build.phase))) return []
  const told = ended(build, step)
  return told ? [happening(seen, ...told)] : []
}

function ended(build: Job, step: Step): [Happening['type'], Reason, string, string] | null {
  const outOfTries = step.is === 'held' && step.reason === 'StartFailed'
  switch (build.phase) {
    case 'Failed':
      return ['Warning', outOfTries ? 'StartFailed' : 'BuildFailed', 'Build', failureOf(build)]
    case 'Canceled':
      return ['Normal', 'BuildCanceled', 'Build', failureOf(build)]
    case 'Succeeded':
      return succeeded(build)
    case 'Queued':
    case 'Running':
    case 'Canceling':
      return null
  }
}

function succeeded(build: Job): [Happening['type'], Reason, string, string] | null {
  const by = `build ${build.number ?? 0} (${build.reason})`
  switch (build.transition) {
    case 'start':
      return build.reason === 'Updated'
        ? ['Normal', 'Updated', 'Start', `Updated by ${by}.`]
        : ['Normal', 'Started', 'Start', `Started by ${by}.`]
    case 'stop':
      return ['Normal', 'Stopped', 'Stop', `Stopped by ${by}.`]
    case 'destroy':
      // Of what was deleted the object goes at once; the audit keeps what was removed.
      return build.reason === 'Expired'
        ? ['Normal', 'Expired', 'Destroy', `Its infrastructure was destroyed by ${by}; the object stays.`]
        : null
    case null:
      return null
  }
}

function planWaits(seen: Seen, step: Step): Happening[] {
  if (step.is !== 'held' || step.reason !== 'AwaitingApproval' || isSaid(seen, 'AwaitingApproval', step.message)) return []
  return [happening(seen, 'Normal', 'AwaitingApproval', 'Plan', step.message)]
}

function hasDrifted(seen: Seen): Happening[] {
  const drift = driftOf(seen)
  const says = driftSays(drift)
  return drift.length === 0 || isSaid(seen, 'Drifted', says) ? [] : [happening(seen, 'Warning', 'Drifted', 'Look', says)]
}

const isSaid = ({ workspace }: Seen, condition: string, says: string): boolean =>
  workspace.before.conditions.some(({ type, message }) => type === condition && message === storedMessage(says))

function nobodyBuilds(seen: Seen, step: Step, now: Instant): Happening[] {
  if (step.is !== 'held' || step.reason !== 'NoProvisioner' || !missingProvisioner(seen, now)?.lasts) return []
  return isSaid(seen, 'Reconciling', step.message) ? [] : [happening(seen, 'Warning', 'NoProvisioner', 'Build', step.message)]
}
