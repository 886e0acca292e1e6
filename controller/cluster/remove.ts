import type { Kind } from '../../crds/kinds.ts'
import { toIso } from '../kernel/clock.ts'
import { FOREGROUND, ORPHAN } from '../store/garbage.ts'
import { readObject, removeObject, type Place } from '../store/objects.ts'
import { updateObject } from '../store/object-updates.ts'
import { equal } from '../../crds/schema/equal.ts'
import { refuseSecondDeclarer } from './declared.ts'
import { endingMeta } from './generation.ts'
import { deepFreeze } from './freeze.ts'
import type { DeleteOptions, Propagation, Resource, Writer } from './port.ts'
import { conflict, forbidden, MODIFIED, notFound, otherThanSeen } from './refusals.ts'
import { decode, encode } from './stored.ts'
import { contentOf, versioned, type WritePorts } from './writes.ts'

/**
 *   delete ──► finalizers? ──no──► gone
 *                  │yes
 *                  ▼
 *              marked with deletionTimestamp ──last finalizer removed (writes.ts)──► gone
 *
 * What becomes of its dependents is a finalizer too, and each deletion decides it anew (sweep.ts takes it off). A namespace is
 * always marked first: what lives in it goes before it does.
 */

export type RemoveOptions = DeleteOptions

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
    const { deletionTimestamp, finalizers = [], ...metadata } = old.metadata
    const holding = finalizersFor(options.propagation, finalizers)
    if (deletionTimestamp !== undefined && equal(finalizers, holding)) return old
    const held = kind.kind === 'Namespace' || holding.length > 0
    const next = held ? ending(kind, old, deletionTimestamp ?? toIso(ports.clock.now()), holding) : { ...old, metadata }
    if (options.dryRun) return deepFreeze(next)
    const version = held
      ? await updateObject(ports.db, place, stored.version, contentOf(next, stored.applied, stored.sealed), null)
      : await removeObject(ports.db, place, stored.version, encode(old), null)
    if (version === null) continue
    ports.looseEnds()
    return held ? versioned(next, version) : deepFreeze(next)
  }
  throw conflict(kind, place.name, MODIFIED)
}

function refuseOther(kind: Kind, { metadata }: Resource, { uid, resourceVersion }: RemoveOptions): void {
  if (uid !== undefined && uid !== metadata.uid) throw otherThanSeen(kind, metadata.name, 'UID', uid, metadata.uid)
  if (resourceVersion !== undefined && resourceVersion !== metadata.resourceVersion)
    throw otherThanSeen(kind, metadata.name, 'ResourceVersion', resourceVersion, metadata.resourceVersion)
}

/** A deletion that says nothing of its dependents leaves what was said before. */
function finalizersFor(propagation: Propagation | undefined, finalizers: readonly string[]): readonly string[] {
  if (propagation === undefined) return finalizers
  const others = finalizers.filter((each) => each !== FOREGROUND && each !== ORPHAN)
  return [...others, ...(propagation === 'Orphan' ? [ORPHAN] : propagation === 'Foreground' ? [FOREGROUND] : [])]
}

const ending = (kind: Kind, old: Resource, deletionTimestamp: string, finalizers: readonly string[]): Resource => ({
  ...old,
  metadata: endingMeta(kind, old.metadata, deletionTimestamp, finalizers),
  ...(kind.kind === 'Namespace' ? { status: { phase: 'Terminating' } } : {}),
})
