import type { Kind } from '../../crds/kinds.ts'
import type { JsonObject } from '../../crds/schema/types.ts'
import { toIso, type Clock } from '../kernel/clock.ts'
import { Refused } from '../kernel/errors.ts'
import { newUid, randomSuffix } from '../kernel/names.ts'
import { insertObject, readObject, removeObject, type Applied, type ObjectContent, type Place } from '../store/objects.ts'
import { updateObject } from '../store/object-updates.ts'
import type { Db } from '../store/pool.ts'
import { admitted } from './admission.ts'
import { refuseForeignChange } from './declared.ts'
import { bornMeta, isReleased, nextMeta, refuseNewFinalizers, specDiffers, warnOfOwnersTwice, withNameLabel } from './generation.ts'
import { equal } from '../../crds/schema/equal.ts'
import { deepFreeze } from './freeze.ts'
import { isLarge, nextTurn, refuseTooManyValues } from './large.ts'
import type { Draft, Resource, WriteOptions, Writer } from './port.ts'
import { alreadyExists, conflict, forbidden, MODIFIED, notFound, refuseUnkeepable } from './refusals.ts'
import type { Vault } from './secrets.ts'
import { decode, encode, namespaceOf, selectableBefore } from './stored.ts'

/** The two ways an object is written: born, or made from what it was. Reads, judges in memory, writes if nobody else did. */

export interface WritePorts {
  readonly db: Db
  readonly clock: Clock
  readonly vault: Vault
  /** Told when an object is gone or came with owners: something else may have to go. */
  readonly looseEnds: () => void
}

/** Of eight who write one object at once each wins one try of eight: of twenty tries in a row one writer of fourteen loses all. */
const TRIES_MAX = 200
const NAME_TRIES_MAX = 8
const GENERATED_BASE_LENGTH_MAX = 58

const NO_APPLIED: Applied = {}

export async function create(
  ports: WritePorts,
  kind: Kind,
  draft: Draft,
  writer: Writer,
  options: WriteOptions,
  applied = NO_APPLIED,
): Promise<Resource> {
  if (draft.metadata.resourceVersion) throw new Refused('InternalError', 'resourceVersion should not be set on objects to be created')
  const generated = draft.metadata.name ? null : draft.metadata.generateName
  // Without either it is refused with whatever else is wrong.
  if (!draft.metadata.name && !generated) admitted(kind, draft, null, options)
  for (let tries = 1; ; tries += 1) {
    const name = draft.metadata.name || `${(generated ?? '').slice(0, GENERATED_BASE_LENGTH_MAX)}${randomSuffix()}`
    try {
      return await createNamed(ports, kind, { ...draft, metadata: { ...draft.metadata, name } }, name, writer, options, applied)
    } catch (error) {
      if (!generated || tries >= NAME_TRIES_MAX || !(error instanceof Refused) || error.reason !== 'AlreadyExists') throw error
    }
  }
}

async function createNamed(
  ports: WritePorts,
  kind: Kind,
  draft: Draft,
  name: string,
  writer: Writer,
  options: WriteOptions,
  applied: Applied,
): Promise<Resource> {
  const place = { kind: kind.kind, namespace: homeOf(kind, draft), name }
  // A status that is written on its own is looked at, since it may have fields nobody knows, and then left out.
  const { status: _status, ...declared } = { status: undefined, ...draft }
  const large = isLarge(draft)
  if (large) await nextTurn()
  const { metadata, spec, status, ...born } = admitted(kind, kind.hasStatus ? draft : declared, null, options)
  if (large) await nextTurn()
  warnOfOwnersTwice(metadata, options.warn)
  const birth = { name, namespace: place.namespace, uid: newUid(), creationTimestamp: toIso(ports.clock.now()) }
  const object = { ...resourceOf(kind, withNameLabel(kind, bornMeta(metadata, birth)), spec, status), ...dataOf(born) }
  refuseForeignChange(kind, null, object, writer)
  const { object: visible, sealed } = ports.vault.parted(object)
  if (options.dryRun) return dryCreated(ports.db, kind, place, visible)
  // The default of a status comes whenever it is read, and is kept by whoever writes it first.
  const { status: _unseen, ...kept } = visible
  const inserted = await insertObject(ports.db, place, contentOf(kind.hasStatus ? kept : visible, applied, sealed))
  if (inserted === 'exists') throw await taken(ports.db, kind, place)
  if (inserted === 'namespace missing') throw missingNamespace(place.namespace)
  if (inserted === 'namespace ending') throw endingNamespace(kind, place)
  if ((object.metadata.ownerReferences ?? []).length > 0) ports.looseEnds()
  return versioned(visible, inserted.version)
}

export async function taken(db: Db, kind: Kind, place: Place): Promise<Refused> {
  const stored = await readObject(db, place)
  const isEnding = stored !== null && decode(stored.body, stored.version).metadata.deletionTimestamp !== undefined
  return alreadyExists(kind, place.name, isEnding)
}

export const missingNamespace = (namespace: string): Refused =>
  new Refused('NotFound', `namespaces "${namespace}" not found`, { name: namespace, group: '', kind: 'namespaces' })

const endingNamespace = (kind: Kind, { namespace, name }: Place): Refused =>
  forbidden(kind, name, `unable to create new content in namespace ${namespace} because it is being terminated`, [
    { reason: 'NamespaceTerminating', message: `namespace ${namespace} is being terminated`, field: 'metadata.namespace' },
  ])

async function dryCreated(db: Db, kind: Kind, place: Place, object: Resource): Promise<Resource> {
  if (await readObject(db, place)) throw await taken(db, kind, place)
  if (place.namespace !== '') {
    const home = await readObject(db, { kind: 'Namespace', namespace: '', name: place.namespace })
    if (!home) throw missingNamespace(place.namespace)
    if (decode(home.body, home.version).metadata.deletionTimestamp !== undefined) throw endingNamespace(kind, place)
  }
  return deepFreeze(object)
}

export interface Proposal {
  readonly metadata: Draft['metadata']
  readonly spec: unknown
  readonly status: unknown
  /** What else the writer wrote beside them: fields no schema knows. */
  readonly rest: JsonObject
  readonly applied?: Applied
}

export interface Rewrite {
  readonly writer: Writer
  readonly options: WriteOptions
  readonly subresource: 'status' | null
  readonly patch: boolean
  /** What the object shall be, from what it is; also says whether a lost race is the writer's own (it named a version). */
  propose(old: Resource, applied: Applied): Proposal & { readonly pinned: boolean }
}

/** Makes an object from what it is; one that nothing holds any more is removed by this write. */
export async function rewrite(ports: WritePorts, kind: Kind, place: Place, change: Rewrite): Promise<Resource> {
  for (let tries = 0; tries < TRIES_MAX; tries += 1) {
    const stored = await readObject(ports.db, place)
    if (!stored) throw notFound(kind, place.name)
    const kept = decode(stored.body, stored.version)
    const old = ports.vault.opened(kept, stored.sealed)
    if (isLarge(old)) await nextTurn()
    // Whoever patches sees no more of it than whoever reads: a value must not be copied to where it can be read.
    const { applied = stored.applied, pinned, ...proposal } = change.propose(kept, stored.applied)
    refuseTooManyValues(proposal, old)
    const large = isLarge(old) || isLarge(proposal)
    if (large) await nextTurn()
    const next = change.subresource === 'status' ? nextStatus(kind, old, proposal, change) : nextObject(kind, old, proposal, change)
    refuseTooManyValues(next, old)
    if (large) await nextTurn()
    if (equal(old, next) && equal(stored.applied, applied) && isStoredWhole(stored.body, kept)) return kept
    const { object: visible, sealed } = ports.vault.parted(next)
    if (change.options.dryRun) return deepFreeze(visible)
    const written = await write(ports, kind, place, kept, visible, { applied, sealed })
    if (written) return written
    if (pinned) throw conflict(kind, place.name, MODIFIED)
  }
  throw conflict(kind, place.name, MODIFIED)
}

/** A write that changes nothing is how something stored under an older definition gets the defaults of today's. */
const isStoredWhole = (body: string, read: Resource): boolean => equal(JSON.parse(body), JSON.parse(encode(read)))

function nextStatus(kind: Kind, old: Resource, proposal: Proposal, { options }: Rewrite): Resource {
  const { status } = admitted(kind, resourceOf(kind, old.metadata, old.spec, proposal.status), old, {
    ...options,
    subresource: 'status',
    patch: true,
  })
  return resourceOf(kind, old.metadata, old.spec, status)
}

function nextObject(kind: Kind, old: Resource, proposal: Proposal, { writer, options, patch }: Rewrite): Resource {
  const name = old.metadata.name
  const status = kind.hasStatus ? proposal.status : old.status
  const draft = { ...proposal.rest, ...resourceOf(kind, old.metadata, proposal.spec, status), metadata: { ...proposal.metadata, name } }
  const { metadata, spec, ...rest } = admitted(kind, draft, old, { ...options, patch })
  const next = {
    ...resourceOf(kind, withNameLabel(kind, nextMeta(old, metadata, specDiffers(old, { spec }))), spec, old.status),
    ...dataOf(rest),
  }
  warnOfOwnersTwice(metadata, options.warn)
  refuseNewFinalizers(kind, old, next.metadata)
  refuseForeignChange(kind, old, next, writer)
  return next
}

async function write(
  ports: WritePorts,
  kind: Kind,
  place: Place,
  old: Resource,
  next: Resource,
  { applied, sealed }: Pick<ObjectContent, 'applied' | 'sealed'>,
): Promise<Resource | null> {
  const expected = Number(old.metadata.resourceVersion)
  // A namespace goes when it is empty, not when its finalizers are.
  if (isReleased(next.metadata) && kind.kind !== 'Namespace') {
    const removed = await removeObject(ports.db, place, expected, encode(old), null)
    if (removed === null) return null
    ports.looseEnds()
    return deepFreeze(next)
  }
  const version = await updateObject(ports.db, place, expected, contentOf(next, applied, sealed), selectableBefore(kind, old, next))
  if (version !== null && !equal(old.metadata.ownerReferences, next.metadata.ownerReferences)) ports.looseEnds()
  return version === null ? null : versioned(next, version)
}

type Data = Pick<Resource, 'data' | 'binaryData' | 'immutable' | 'type'>

/** What a ConfigMap or a Secret has in place of a spec. */
const dataOf = ({ data, binaryData, immutable, type }: Data): Data => ({
  ...(data === undefined ? {} : { data }),
  ...(binaryData === undefined ? {} : { binaryData }),
  ...(immutable === undefined ? {} : { immutable }),
  ...(type === undefined ? {} : { type }),
})

/** Where an object lives: nowhere for kinds of the whole cluster. */
export const homeOf = (kind: Kind, draft: Draft): string => (kind.namespaced ? draft.metadata.namespace || 'default' : '')

function resourceOf(kind: Kind, metadata: Resource['metadata'], spec: unknown, status: unknown): Resource {
  return {
    apiVersion: kind.apiVersion,
    kind: kind.kind,
    metadata,
    ...(spec === undefined ? {} : { spec }),
    ...(status === undefined ? {} : { status }),
  }
}

export function contentOf(object: Resource, applied: Applied, sealed: Buffer | null): ObjectContent {
  const body = encode(object)
  const owners = (object.metadata.ownerReferences ?? []).map(({ uid }) => uid)
  refuseUnkeepable(object, body, owners)
  return { uid: object.metadata.uid, body, owners, deleting: object.metadata.deletionTimestamp !== undefined, applied, sealed }
}

export const versioned = (object: Resource, version: number): Resource =>
  deepFreeze({ ...object, metadata: { ...object.metadata, resourceVersion: String(version) } })

export const placeOf = (object: Resource): Place => ({ kind: object.kind, namespace: namespaceOf(object), name: object.metadata.name })
