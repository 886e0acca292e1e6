import type { Kind } from '../../crds/kinds.ts'
import { toIso } from '../kernel/clock.ts'
import { readObject, removeObject, type Place } from '../store/objects.ts'
import { updateObject } from '../store/object-updates.ts'
import { refuseSecondDeclarer } from './declared.ts'
import { endingMeta } from './generation.ts'
import { deepFreeze } from './freeze.ts'
import type { Preconditions, Resource, Writer } from './port.ts'
import { conflict, forbidden, MODIFIED, notFound, otherThanSeen } from './refusals.ts'
import { decode, encode } from './stored.ts'
import { contentOf, versioned, type WritePorts } from './writes.ts'

/**
 *   delete ──► finalizers? ──no──► gone
 *                  │yes
 *                  ▼
 *              marked with deletionTimestamp ──last finalizer removed (writes.ts)──► gone
 *
 * A namespace is always marked first: what lives in it goes before it does (garbage.ts).
 */

export type RemoveOptions = Preconditions & { readonly dryRun?: boolean }

const TRIES_MAX = 20
const KEPT_NAMESPACE = 'default'

export async function remove(ports: WritePorts, kind: Kind, place: Place, writer: Writer, options: RemoveOptions): Promise<Resource> {
  if (kind.kind === 'Namespace' && place.name === KEPT_NAMESPACE) throw forbidden(kind, place.name, 'this namespace may not be deleted')
  for (let tries = 0; tries < TRIES_MAX; tries += 1) {
    const stored = await readObject(ports.db, place)
    if (!stored) throw notFound(kind, place.name)
    const old = decode(stored.body, stored.version)
    refuseOther(kind, old, options)
    refuseSecondDeclarer(kind, old, writer)
    if (old.metadata.deletionTimestamp !== undefined) return old
    const held = kind.kind === 'Namespace' || (old.metadata.finalizers ?? []).length > 0
    const next = held ? ending(kind, old, toIso(ports.clock.now())) : old
    if (options.dryRun) return deepFreeze(next)
    const version = held
      ? await updateObject(ports.db, place, stored.version, contentOf(next, stored.applied, stored.sealed), null)
      : await removeObject(ports.db, place, stored.version, encode(old), null)
    if (version === null) continue
    ports.looseEnds()
    return held ? versioned(next, version) : old
  }
  throw conflict(kind, place.name, MODIFIED)
}

function refuseOther(kind: Kind, { metadata }: Resource, { uid, resourceVersion }: RemoveOptions): void {
  if (uid !== undefined && uid !== metadata.uid) throw otherThanSeen(kind, metadata.name, 'UID', uid, metadata.uid)
  if (resourceVersion !== undefined && resourceVersion !== metadata.resourceVersion)
    throw otherThanSeen(kind, metadata.name, 'ResourceVersion', resourceVersion, metadata.resourceVersion)
}

const ending = (kind: Kind, old: Resource, deletionTimestamp: string): Resource => ({
  ...old,
  metadata: endingMeta(kind, old.metadata, deletionTimestamp),
  ...(kind.kind === 'Namespace' ? { status: { phase: 'Terminating' } } : {}),
})
