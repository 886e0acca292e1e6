import type { WorkspaceRequest } from '../../../crds/types.ts'
import type { Resource } from '../../cluster/port.ts'
import { fromIso, type Instant } from '../../kernel/clock.ts'
import { durationMs } from '../../kernel/durations.ts'
import type { GivenCondition } from '../../status/conditions.ts'
import { givenConditions, storedConditions } from '../../status/write.ts'
import type { Objects } from '../ports.ts'
import type { RequestSeen, Seen as WorkspaceSight } from '../workspace/seen.ts'

export const isWorkspaceRequest = (object: Resource): object is Resource & WorkspaceRequest => object.kind === 'WorkspaceRequest'

/** Everything an answer may depend on. */
export interface Seen {
  readonly namespace: string
  readonly workspaceName: string
  readonly request: RequestSeen
  /** What was answered, as it stands in its status. */
  readonly answered: { readonly at: Instant; readonly condition: GivenCondition } | null
  /** The workspace of that name with all it looks at itself, or null while there is none. */
  readonly workspace: WorkspaceSight | null
}

export function requestSeen({ metadata, spec, status }: Resource & WorkspaceRequest): RequestSeen {
  const succeeded = storedConditions(status).find(({ type, status: is }) => type === 'Succeeded' && is !== 'Unknown')
  return {
    name: metadata.name,
    uid: metadata.uid,
    createdAt: fromIso(metadata.creationTimestamp) ?? 0,
    action: spec.action,
    boundUid: status?.workspaceUid ?? null,
    until: fromIso(spec.until),
    forMs: spec.for === undefined ? null : durationMs(spec.for),
    planDigest: spec.planDigest ?? null,
    why: spec.reason ?? null,
    declared: metadata.annotations?.['bothy.dev/declared-by'] !== undefined,
    answer: succeeded ? { succeeded: succeeded.status === 'True', reason: succeeded.reason } : null,
  }
}

export function answeredOf({ metadata, status }: Resource & WorkspaceRequest): Seen['answered'] {
  const condition = givenConditions(status).find(({ type, status: is }) => type === 'Succeeded' && is !== 'Unknown')
  return condition ? { at: fromIso(status?.handledAt) ?? fromIso(metadata.creationTimestamp) ?? 0, condition } : null
}

const olderFirst = (a: RequestSeen, b: RequestSeen): number => a.createdAt - b.createdAt || (a.name < b.name ? -1 : 1)

/** The requests that name a workspace, also those bound to a namesake before it. The same ones are always in the same order. */
export const requestsOf = (objects: Objects, namespace: string, workspace: string): RequestSeen[] =>
  objects.by('WorkspaceRequest', 'workspace', `${namespace}/${workspace}`).filter(isWorkspaceRequest).map(requestSeen).toSorted(olderFirst)
