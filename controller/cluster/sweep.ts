import type { OwnerReference } from '../../crds/meta.ts'
import { isRefused, messageOf, Refused } from '../kernel/errors.ts'
import type { Log } from '../kernel/log.ts'
import { removeEventsOf } from '../store/events.ts'
import {
  dependentsToJudge,
  dependentsToLeave,
  emptyEndingNamespaces,
  FOREGROUND,
  objectsInEndingNamespaces,
  objectsToRelease,
  ORPHAN,
  type Dependent,
} from '../store/garbage.ts'
import { readObject, removeObject, type Place } from '../store/objects.ts'
import type { Db } from '../store/pool.ts'
import { kindNamed } from './asked.ts'
import { patched } from './patched.ts'
import type { Resource, Writer } from './port.ts'
import { conflict, MODIFIED } from './refusals.ts'
import { remove } from './remove.ts'
import { rewrite, type WritePorts } from './writes.ts'

/**
 * What goes because something else went, as the garbage collector of a cluster does it:
 *
 *   all owners gone, or waiting for it ──► it is deleted
 *   some of its owners gone ──► it forgets those, and stays
 *   an owner goes and leaves it (`orphan`) ──► it forgets that one, and stays
 *   nothing left that blocks an owner (`foregroundDeletion`), or that knows it (`orphan`) ──► the owner is let go
 *   its namespace ends ──► it is deleted
 */

export const SYSTEM: Writer = { manager: 'bothy-standalone', user: 'system' }

interface SweepPorts extends WritePorts {
  readonly log: Log
}

type One = Place & { readonly uid: string }

const AT_ONCE = 100
const ROUNDS_MAX = 1000

export async function sweep(ports: SweepPorts, signal: AbortSignal): Promise<void> {
  const { db } = ports
  for (let round = 0; round < ROUNDS_MAX && !signal.aborted; round += 1) {
    const steps: readonly (() => Promise<unknown>)[] = [
      ...(await dependentsToLeave(db, AT_ONCE)).map((one) => () => disown(ports, one, ({ uid }) => !one.owners.includes(uid))),
      ...(await dependentsToJudge(db, AT_ONCE)).map((one) => () => judge(ports, one)),
      ...(await objectsToRelease(db, AT_ONCE)).map((one) => () => release(ports, one)),
      ...(await objectsInEndingNamespaces(db, AT_ONCE)).map((one) => () => removeOne(ports, one)),
      ...(await emptyEndingNamespaces(db)).map((name) => () => removeNamespace(db, name)),
    ]
    let done = 0
    for (const step of steps) if (!signal.aborted && (await isDone(ports, step))) done += 1
    // What is refused would be refused again at once.
    if (done === 0) return
  }
}

/** Somebody else may have been faster, or made another of the same name. What is refused must not hold up all the others. */
async function isDone({ log }: SweepPorts, step: () => Promise<unknown>): Promise<boolean> {
  try {
    await step()
    return true
  } catch (error) {
    if (!(error instanceof Refused)) throw error
    const isMoved = isRefused(error, 'NotFound', 'Conflict')
    if (!isMoved) log.warn('an object stays that should go, or be let go', { error: messageOf(error) })
    return isMoved
  }
}

async function judge(ports: WritePorts, one: Dependent): Promise<unknown> {
  if (one.solid.length > 0) return disown(ports, one, ({ uid }) => one.solid.includes(uid))
  // Those that wait for each other in a circle would wait for ever.
  if (one.awaited && one.awaits)
    await change(ports, one, ({ ownerReferences = [] }) => ({
      ownerReferences: ownerReferences.map((owner) => ({ ...owner, blockOwnerDeletion: false })),
    }))
  return removeOne(ports, one, one.awaited && one.isOwner ? 'Foreground' : undefined)
}

const removeOne = (ports: WritePorts, { uid, ...place }: One, propagation?: 'Foreground'): Promise<Resource> =>
  remove(ports, kindNamed(place.kind), placeOnly(place), SYSTEM, { uid, ...(propagation ? { propagation } : {}) })

const disown = (ports: WritePorts, one: One, stays: (owner: OwnerReference) => boolean): Promise<Resource> =>
  change(ports, one, ({ ownerReferences = [] }) => ({ ownerReferences: ownerReferences.filter(stays) }))

const release = (ports: WritePorts, one: One): Promise<Resource> =>
  change(ports, one, ({ finalizers = [] }) => ({ finalizers: finalizers.filter((each) => each !== FOREGROUND && each !== ORPHAN) }))

type Metadata = Resource['metadata']

function change(ports: WritePorts, one: One, next: (old: Metadata) => Partial<Metadata>): Promise<Resource> {
  const kind = kindNamed(one.kind)
  return rewrite(ports, kind, placeOnly(one), {
    writer: SYSTEM,
    options: {},
    subresource: null,
    patch: true,
    propose: (old) => {
      if (old.metadata.uid !== one.uid) throw conflict(kind, one.name, MODIFIED)
      return patched(kind, old, { metadata: next(old.metadata) })
    },
  })
}

const placeOnly = ({ kind, namespace, name }: Place): Place => ({ kind, namespace, name })

async function removeNamespace(db: Db, name: string): Promise<void> {
  const place = { kind: 'Namespace', namespace: '', name }
  const stored = await readObject(db, place)
  if (!stored) return
  await removeEventsOf(db, name)
  await removeObject(db, place, stored.version, stored.body, null)
}
