import type { Kind } from '../../crds/kinds.ts'
import { forbidden, refusedInvalid } from '../../crds/schema/causes.ts'
import { equal } from '../../crds/schema/equal.ts'
import type { ObjectMeta, OwnerReference } from '../../crds/meta.ts'
import type { Draft, Resource } from './port.ts'
import { conflict, MODIFIED, versionNeeded } from './refusals.ts'

/** What the server alone decides about an object's metadata. Pure: instants and uids come in as arguments. */

type Metadata = Draft['metadata']

/** Labels and the like are left out where there are none, so that equal objects look equal. */
export function writtenMeta(given: Metadata): Pick<ObjectMeta, 'labels' | 'annotations' | 'finalizers' | 'ownerReferences'> {
  return {
    ...(given.labels && Object.keys(given.labels).length > 0 ? { labels: given.labels } : {}),
    ...(given.annotations && Object.keys(given.annotations).length > 0 ? { annotations: given.annotations } : {}),
    ...(given.finalizers && given.finalizers.length > 0 ? { finalizers: given.finalizers } : {}),
    ...(given.ownerReferences && given.ownerReferences.length > 0 ? { ownerReferences: eachOnce(given.ownerReferences) } : {}),
  }
}

function eachOnce(owners: readonly OwnerReference[]): readonly OwnerReference[] {
  const seen = new Map<string, OwnerReference>()
  for (const owner of owners) if (!seen.has(identityOf(owner))) seen.set(identityOf(owner), owner)
  return [...seen.values()]
}

/** Compared as texts: there may be thousands. */
const identityOf = ({ apiVersion, kind, name, uid, controller, blockOwnerDeletion }: OwnerReference): string =>
  JSON.stringify([apiVersion, kind, name, uid, controller ?? null, blockOwnerDeletion ?? null])

export function warnOfOwnersTwice(given: Metadata, warn: ((message: string) => void) | undefined): void {
  const owners = given.ownerReferences ?? []
  const once = new Set(eachOnce(owners))
  const twice = owners.filter((owner) => !once.has(owner))
  if (twice.length === 0) return
  const uids = [...new Set(twice.map(({ uid }) => uid))].join(', ')
  warn?.(
    `.metadata.ownerReferences contains duplicate entries; API server dedups owner references in 1.20+, and may reject such requests as early as 1.24; please fix your requests; duplicate UID(s) observed: ${uids}`,
  )
}

export interface Birth {
  readonly name: string
  readonly namespace: string
  readonly uid: string
  readonly creationTimestamp: string
}

export const bornMeta = (given: Metadata, { name, namespace, uid, creationTimestamp }: Birth): ObjectMeta => ({
  name,
  ...(given.generateName === undefined ? {} : { generateName: given.generateName }),
  ...(namespace === '' ? {} : { namespace }),
  uid,
  resourceVersion: '',
  generation: 1,
  creationTimestamp,
  ...writtenMeta(given),
})

/** Everything the server set stays; what may be written comes from the draft; the generation moves with the spec. */
export function nextMeta(old: Resource, given: Metadata, specChanged: boolean): ObjectMeta {
  const { labels: _l, annotations: _a, finalizers: _f, ownerReferences: _o, ...kept } = old.metadata
  return { ...kept, generation: kept.generation + (specChanged ? 1 : 0), ...writtenMeta(given) }
}

/** Marked, not yet gone: its finalizers hold it. The API server moves the generation when it is marked. */
export function endingMeta(kind: Kind, old: ObjectMeta, deletionTimestamp: string, finalizers: readonly string[]): ObjectMeta {
  const { finalizers: _finalizers, ...kept } = old
  return {
    ...kept,
    generation: old.generation + (old.deletionTimestamp === undefined ? 1 : 0),
    ...(kind.kind === 'Namespace' ? {} : { deletionGracePeriodSeconds: 0 }),
    ...(finalizers.length > 0 ? { finalizers } : {}),
    deletionTimestamp,
  }
}

/** Namespaces can be selected by their names, as by any label. */
export const withNameLabel = (kind: Kind, metadata: ObjectMeta): ObjectMeta =>
  kind.kind === 'Namespace' ? { ...metadata, labels: { ...metadata.labels, 'kubernetes.io/metadata.name': metadata.name } } : metadata

/** Held by nothing any more: the last write of such an object removes it. */
export const isReleased = ({ deletionTimestamp, finalizers }: ObjectMeta): boolean =>
  deletionTimestamp !== undefined && (finalizers ?? []).length === 0

export const specDiffers = (old: Resource, next: { readonly spec?: unknown }): boolean => !equal(old.spec, next.spec)

/** While an object is being deleted nobody may begin to hold it. */
export function refuseNewFinalizers(kind: Kind, old: Resource, next: Metadata): void {
  if (old.metadata.deletionTimestamp === undefined) return
  const held = new Set(old.metadata.finalizers)
  const fresh = (next.finalizers ?? []).filter((finalizer) => !held.has(finalizer))
  if (fresh.length === 0) return
  const found = fresh.map((each) => JSON.stringify(each)).join(', ')
  const detail = `no new finalizers can be added if the object is being deleted, found new finalizers []string{${found}}`
  throw refusedInvalid(kind, old.metadata.name, [forbidden('metadata.finalizers', detail)])
}

/** Refuses what a PUT must say about the version and the uid it was made from. Kinds of Kubernetes itself need no version. */
export function refuseStaleReplace(kind: Kind, old: Resource, given: Metadata): void {
  const version = given.resourceVersion === '0' ? undefined : given.resourceVersion
  if (!version && kind.group !== '') throw versionNeeded(kind, old.metadata.name)
  if (given.uid !== undefined && given.uid !== old.metadata.uid) {
    throw conflict(
      kind,
      old.metadata.name,
      `Precondition failed: UID in precondition: ${given.uid}, UID in object meta: ${old.metadata.uid}`,
    )
  }
  if (version && version !== old.metadata.resourceVersion) throw conflict(kind, old.metadata.name, MODIFIED)
}
