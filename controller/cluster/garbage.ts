import type { Clock } from '../kernel/clock.ts'
import { isRefused, messageOf } from '../kernel/errors.ts'
import type { Log } from '../kernel/log.ts'
import { removeEventsOf } from '../store/events.ts'
import {
  emptyEndingNamespaces,
  objectsInEndingNamespaces,
  orphanedObjects,
  readObject,
  removeObject,
  type Place,
} from '../store/objects.ts'
import type { Db } from '../store/pool.ts'

/**
 * What goes because something else went: objects whose owners are all gone, and what lives in a namespace that ends. The
 * rows say what that is, so nothing needs to be remembered and a sweep may run at any time, in any process.
 */

export interface Garbage {
  /** Something was deleted or came with owners: look soon. */
  look(): void
  close(): Promise<void>
}

interface Ports {
  readonly db: Db
  readonly clock: Clock
  readonly log: Log
  readonly remove: (place: Place, uid: string) => Promise<unknown>
}

const AT_ONCE = 100
const ROUNDS_MAX = 1000
/** Also unasked: another process may have ended between a deletion and its consequences. */
const SWEEP_EVERY_MS = 30_000
const RETRY_MS = 1_000

export function createGarbage(ports: Ports): Garbage {
  const { clock, log } = ports
  const over = new AbortController()
  let awake = new AbortController()
  let wanted = true

  const rest = async (ms: number): Promise<void> => {
    awake = new AbortController()
    if (!wanted) await clock.sleep(ms, AbortSignal.any([over.signal, awake.signal]))
  }

  const run = async (): Promise<void> => {
    while (!over.signal.aborted) {
      wanted = false
      try {
        await sweep(ports, over.signal)
        await rest(SWEEP_EVERY_MS)
      } catch (error) {
        log.debug('garbage stays for now', { error: messageOf(error) })
        await clock.sleep(RETRY_MS, over.signal)
      }
    }
  }
  const running = run()

  return {
    look() {
      wanted = true
      awake.abort()
    },
    async close() {
      over.abort()
      await running
    },
  }
}

async function sweep({ db, remove }: Ports, signal: AbortSignal): Promise<void> {
  for (let round = 0; round < ROUNDS_MAX && !signal.aborted; round += 1) {
    const loose = [...(await orphanedObjects(db, AT_ONCE)), ...(await objectsInEndingNamespaces(db, AT_ONCE))]
    for (const { uid, ...place } of loose) if (!signal.aborted) await removeQuietly(remove, place, uid)
    const ended = await emptyEndingNamespaces(db)
    for (const name of ended) await removeNamespace(db, name)
    if (loose.length === 0 && ended.length === 0) return
  }
}

/** Somebody else may have been faster, or made another of the same name. */
async function removeQuietly(remove: Ports['remove'], place: Place, uid: string): Promise<void> {
  try {
    await remove(place, uid)
  } catch (error) {
    if (!isRefused(error, 'NotFound', 'Conflict')) throw error
  }
}

async function removeNamespace(db: Db, name: string): Promise<void> {
  const place = { kind: 'Namespace', namespace: '', name }
  const stored = await readObject(db, place)
  if (!stored) return
  await removeEventsOf(db, name)
  await removeObject(db, place, stored.version, stored.body, null)
}
