import type { Reason } from '../../kernel/reasons.ts'
import { mayBeRunning } from './builds.ts'
import { startInputs } from './inputs.ts'
import type { RequestAction, RequestSeen, Seen } from './seen.ts'

/** Requests of people, as far as they decide whether a workspace runs. */

export type PowerAction = Extract<RequestAction, 'Start' | 'Stop' | 'Restart'>

export interface PowerRequest extends RequestSeen {
  readonly action: PowerAction
}

export interface Refusal {
  readonly reason: Reason
  readonly message: string
}

export const isPowerRequest = (request: RequestSeen): request is PowerRequest =>
  request.action === 'Start' || request.action === 'Stop' || request.action === 'Restart'

/** Why a request that came to this workspace now is not done. */
export function refusalOf(request: RequestSeen, seen: Seen): Refusal | null {
  const { workspace, owner } = seen
  const name = `Workspace ${workspace.name}`
  if (request.declared)
    return { reason: 'NotDeclarable', message: 'A request is made once by somebody; a folder or repository would make it again and again.' }
  switch (request.action) {
    case 'Start':
    case 'Restart':
      if (workspace.deleting) return { reason: 'Deleting', message: `${name} is being deleted.` }
      if (owner.suspended) return { reason: 'Suspended', message: `The owner of ${name} is suspended.` }
      if (seen.broughtDown) return { reason: 'BroughtDown', message: 'Bothy is being brought down; start it again with bothy up.' }
      if (workspace.paused) return { reason: 'Paused', message: `${name} is paused (annotation bothy.dev/paused).` }
      if (workspace.power === 'Stopped') return { reason: 'PowerStopped', message: `${name} is declared with power: Stopped.` }
      // A restart that could not start again must not stop.
      return cannotStart(seen)
    case 'Stop':
      if (workspace.deleting || owner.suspended) return null
      if (workspace.paused) return { reason: 'Paused', message: `${name} is paused (annotation bothy.dev/paused).` }
      if (workspace.power === 'Running') return { reason: 'PowerRunning', message: `${name} is declared with power: Running.` }
      return null
    case 'Extend':
    case 'Hold':
    case 'Approve':
      return workspace.deleting ? { reason: 'Deleting', message: `${name} is being deleted.` } : null
    case 'CancelBuild':
      return null
  }
}

function cannotStart(seen: Seen): Refusal | null {
  const inputs = startInputs(seen)
  if (inputs.ready) return null
  const { reason, message, stalled } = inputs
  return stalled || reason === 'TemplateMissing' ? { reason, message } : null
}

/** Answers that said no to the request itself: such a request never counted, and supersedes nothing. */
const REFUSED = new Set<string>([
  'NotDeclarable',
  'Deleting',
  'Suspended',
  'BroughtDown',
  'Paused',
  'PowerStopped',
  'PowerRunning',
  'Superseded',
  'WorkspaceNotFound',
  'TemplateMissing',
  'TemplateNotReady',
  'TemplateNotAllowed',
  'TemplateDeprecated',
  'ParameterInvalid',
  'OwnerMissing',
] satisfies Reason[])

const isBoundHere = (request: RequestSeen, seen: Seen): boolean => request.boundUid === null || request.boundUid === seen.workspace.uid

/** The newest of Start, Stop and Restart that counts, answered or not: it supersedes the others. */
export function newestPowerRequest(seen: Seen): PowerRequest | null {
  const standing = seen.requests
    .filter(isPowerRequest)
    .filter((request) => isBoundHere(request, seen))
    .filter((request) => (request.answer ? !REFUSED.has(request.answer.reason) : refusalOf(request, seen) === null))
  return standing.toSorted(laterFirst)[0] ?? null
}

/**
 * By creation, which is told in seconds. In the same second what is open came after what is answered already, or a stop
 * followed by a start would lose the start; then Stop wins, then the uid decides.
 */
function laterFirst(a: PowerRequest, b: PowerRequest): number {
  if (a.createdAt !== b.createdAt) return b.createdAt - a.createdAt
  if ((a.answer === null) !== (b.answer === null)) return a.answer === null ? -1 : 1
  if ((a.action === 'Stop') !== (b.action === 'Stop')) return a.action === 'Stop' ? -1 : 1
  return a.uid < b.uid ? 1 : -1
}

/** The request that decides now: the newest, while it is open. */
export function openPowerRequest(seen: Seen): PowerRequest | null {
  const newest = newestPowerRequest(seen)
  return newest && !newest.answer ? newest : null
}

/** What a request asks for at this point of its way: a restart is first a stop and then a start. */
export function askedFor(request: PowerRequest, { builds }: Seen): 'running' | 'stopped' {
  switch (request.action) {
    case 'Start':
      return 'running'
    case 'Stop':
      return 'stopped'
    case 'Restart': {
      const own = builds.filter(({ requestUid }) => requestUid === request.uid)
      const firstLegDone = own.some(({ transition, phase }) => transition === 'start' || phase === 'Succeeded')
      const foreignStart = builds[0]?.finishedAt === null && builds[0].transition === 'start'
      return firstLegDone || (!mayBeRunning(builds) && !foreignStart) ? 'running' : 'stopped'
    }
  }
}
