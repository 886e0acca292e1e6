import { invalid, refusedInvalid, type Issue } from '../../crds/schema/causes.ts'
import type { Kind } from '../../crds/kinds.ts'
import { isJsonObject } from '../../crds/schema/types.ts'
import { isRefused, Refused } from '../kernel/errors.ts'
import { withoutOrphanedMarks } from './declared.ts'
import { draftFrom } from './draft.ts'
import { jsonPatch } from './json-patch.ts'
import { mergePatch } from './merge-patch.ts'
import type { Draft, Resource } from './port.ts'
import { conflict, MODIFIED, otherName, otherNamespace, versionNeeded } from './refusals.ts'
import type { Proposal } from './writes.ts'

/** What a patch makes of an object, and what no patch may do: make it another one. Pure. */

/** A list of operations is a JSON patch, an object a merge patch. */
export function patched(kind: Kind, old: Resource, patch: unknown): Proposal & { readonly pinned: boolean } {
  const {
    apiVersion,
    kind: name,
    metadata,
    spec,
    status,
    ...rest
  } = { spec: undefined, status: undefined, ...patchedDraft(kind, old, patch) }
  refuseMove(kind, old, { apiVersion, kind: name, metadata })
  refuseOtherVersion(kind, old, metadata.resourceVersion)
  refuseImmutable(kind, old, metadata)
  return { metadata: withoutOrphanedMarks(old, metadata), spec, status, rest, pinned: namesVersion(patch) }
}

/** What is said of a whole object that cannot be read. */
const PREFACE = /^\S+ in version \S+ cannot be handled as an? \S+: /

function patchedDraft(kind: Kind, old: Resource, patch: unknown): Draft {
  if (!Array.isArray(patch) && !isJsonObject(patch)) throw new Refused('BadRequest', 'a merge patch must be a JSON object')
  const value = isJsonObject(patch) ? mergePatch(old, patch) : jsonPatch({ ...old }, patch)
  try {
    return draftFrom(value)
  } catch (error) {
    // The object was in order before, so it is the patch that is not.
    if (!isRefused(error, 'BadRequest')) throw error
    const issue: Issue = {
      reason: 'FieldValueInvalid',
      field: 'patch',
      body: `Invalid value: "patch": ${error.message.replace(PREFACE, '')}`,
    }
    throw refusedInvalid(kind, old.metadata.name, [issue])
  }
}

/** Whoever names the version that they have seen loses a race by themselves. */
function namesVersion(patch: unknown): boolean {
  if (Array.isArray(patch)) return patch.some((each) => isJsonObject(each) && String(each['path']).startsWith('/metadata/resourceVersion'))
  return isJsonObject(patch) && isJsonObject(patch['metadata']) && typeof patch['metadata']['resourceVersion'] === 'string'
}

function refuseMove(kind: Kind, { metadata: old }: Resource, next: Draft): void {
  const { name, namespace } = next.metadata
  if (name !== old.name) throw otherName(name, old.name)
  if (namespace !== undefined && namespace !== old.namespace) throw otherNamespace()
  const issues = [
    ...(next.kind === kind.kind ? [] : [invalid('kind', next.kind, `must be ${kind.kind}`)]),
    ...(next.apiVersion === kind.apiVersion ? [] : [invalid('apiVersion', next.apiVersion, `must be ${kind.apiVersion}`)]),
  ]
  if (issues.length > 0) throw refusedInvalid({ kind: next.kind, group: kind.group }, old.name, issues)
}

function refuseOtherVersion(kind: Kind, old: Resource, version: string | undefined): void {
  if (!version && kind.group !== '') throw versionNeeded(kind, old.metadata.name)
  if (version && version !== old.metadata.resourceVersion) throw conflict(kind, old.metadata.name, MODIFIED)
}

function refuseImmutable(kind: Kind, { metadata: old }: Resource, { uid, ...rest }: Draft['metadata']): void {
  const ending = 'deletionTimestamp' in rest ? rest.deletionTimestamp : undefined
  const issues = [
    ...(uid === undefined || uid === old.uid ? [] : [invalid('metadata.uid', uid, 'field is immutable')]),
    ...(ending === undefined || ending === old.deletionTimestamp
      ? []
      : [invalid('metadata.deletionTimestamp', ending, 'field is immutable')]),
  ]
  if (issues.length > 0) throw refusedInvalid(kind, old.name, issues)
}
