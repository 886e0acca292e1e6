import { exponentialMs, jittered } from '../kernel/backoff.ts'
import type { Clock } from '../kernel/clock.ts'
import { isRefused, messageOf, Refused } from '../kernel/errors.ts'
import type { Log } from '../kernel/log.ts'
import { createShelf, idOf, type Shelf, type Told } from './cache-shelf.ts'
import { pagesOf } from './pages.ts'
import type { Cache, Change, Cluster, IndexKey, Indexes } from './port.ts'

/**
 *   list ──► watch from its version ──ends──► watch again from the last version seen
 *     ▲                   │
 *     └──too old (410)────┘   what is missing from the new list is told as DELETED
 *
 * One copy of each object, the frozen one that the watch delivered, but for what kubectl keeps in it for itself.
 */

interface Ports {
  readonly cluster: Pick<Cluster, 'list' | 'watch'>
  readonly clock: Clock
  readonly log: Log
}

/** One kind, and how far it is read. */
interface Kept {
  readonly kind: string
  readonly shelf: Shelf
  isListed: boolean
  /** What is in the way. */
  trouble: string
  /** The newest version that was told of it. */
  newest: number
}

const BACKOFF_FIRST_MS = 100
const BACKOFF_MOST_MS = 10_000
/** A server that is upgraded is away for less. After that it is said, and again about every five minutes. */
const SAID_AFTER = 3
const SAID_EVERY = 30

export function createCache(ports: Ports, kinds: readonly string[], indexes: Indexes = {}): Cache {
  const listeners: Told[] = []
  const tell: Told = (key, object, type) => {
    for (const listener of listeners) {
      try {
        listener(key, object, type)
      } catch (error) {
        // Whoever listens badly must not make everybody else deaf.
        ports.log.error('a change could not be taken in', { key, error })
      }
    }
  }
  const all = new Map(
    kinds.map((kind) => {
      const shelf = createShelf(kind, placed(indexes[kind] ?? {}, ports.log), tell)
      return [kind, { kind, shelf, isListed: false, trouble: '', newest: 0 } satisfies Kept]
    }),
  )
  const shelf = (kind: string): Shelf => {
    const found = all.get(kind)
    if (!found) throw new Error(`${kind} is not among the kinds of this cache`)
    return found.shelf
  }
  return {
    async start(signal) {
      await Promise.all([...all.values()].map((each) => new Promise<void>((listed) => void keepUp(ports, each, signal, listed))))
    },
    get: (kind, namespace, name) => shelf(kind).get(namespace, name),
    list: (kind, namespace) => shelf(kind).list(namespace),
    by: (kind, index, key) => shelf(kind).by(index, key),
    unread() {
      const unread = [...all.values()].filter(({ isListed }) => !isListed)
      if (unread.length === 0) return null
      return unread.map(({ kind, trouble }) => `${kind} could not be read yet${trouble && `: ${trouble}`}`).join('; ')
    },
    onChange: (listener) => void listeners.push(listener),
  }
}

/** What cannot be placed is found by nobody: it must not keep all others from being read. */
function placed(keys: Readonly<Record<string, IndexKey>>, log: Log): Readonly<Record<string, IndexKey>> {
  const careful =
    (index: string, key: IndexKey): IndexKey =>
    (object) => {
      try {
        return key(object)
      } catch (error) {
        log.error('an object has no place in an index', { index, object: idOf(object), error })
        return null
      }
    }
  return Object.fromEntries(Object.entries(keys).map(([name, key]) => [name, careful(name, key)]))
}

async function keepUp(ports: Ports, kept: Kept, signal: AbortSignal, listed: () => void): Promise<void> {
  const { kind } = kept
  let from: string | null = null
  let failures = 0
  // Whoever waits for the first list must not wait for ever when it is ended instead.
  signal.addEventListener('abort', listed, { once: true })
  while (!signal.aborted) {
    try {
      if (from === null) {
        from = await listAll(ports, kept)
        if (failures >= SAID_AFTER) ports.log.info('what is declared is read again', { kind, failures })
        listed()
      }
      for await (const change of ports.cluster.watch(kind, { from, bookmarks: true }, signal)) {
        from = take(kept, change)
        failures = 0
      }
    } catch (error) {
      const expired = isRefused(error, 'Expired')
      if (expired) from = null
      failures += 1
      kept.trouble = messageOf(error)
      tellTrouble(ports.log, kind, error, failures)
    }
    if (!signal.aborted)
      await ports.clock.sleep(jittered(exponentialMs(Math.max(failures, 1), BACKOFF_FIRST_MS, BACKOFF_MOST_MS), Math.random()), signal)
  }
}

function tellTrouble(log: Log, kind: string, error: unknown, failures: number): void {
  const told = { kind, failures, error: messageOf(error) }
  if (failures % SAID_EVERY === SAID_AFTER) return log.warn('what is declared cannot be read', told)
  // Only somebody who gives rights or installs kinds can cure what is refused.
  log[error instanceof Refused && !isRefused(error, 'Expired') ? 'warn' : 'debug']('a watch is taken up again', told)
}

async function listAll({ cluster }: Ports, kept: Kept): Promise<string> {
  const { kind, shelf, newest } = kept
  const present = new Set<string>()
  let version: string | null = null
  for await (const page of pagesOf(kind, (asked) => cluster.list(kind, asked))) {
    version ??= page.resourceVersion
    // Versions never go back, but where an older state of everything was brought back: then nothing newer is known of anything.
    const isAnother = Number(version) < newest
    for (const object of page.items) {
      present.add(idOf(object))
      if (isAnother) shelf.putInstead(object)
      else shelf.put(object, 'MODIFIED')
    }
  }
  shelf.keepOnly(present)
  kept.isListed = true
  kept.newest = Number(version)
  return version ?? ''
}

function take(kept: Kept, change: Change): string {
  const version = change.type === 'BOOKMARK' ? change.resourceVersion : change.object.metadata.resourceVersion
  kept.newest = Math.max(kept.newest, Number(version))
  if (change.type === 'DELETED') kept.shelf.drop(change.object)
  else if (change.type !== 'BOOKMARK') kept.shelf.put(change.object, change.type)
  return version
}
