import { exponentialMs, jittered } from '../kernel/backoff.ts'
import type { Clock } from '../kernel/clock.ts'
import { isRefused, messageOf, Refused } from '../kernel/errors.ts'
import type { Log } from '../kernel/log.ts'
import { keyOf, type Key } from '../kernel/names.ts'
import type { Cache, Change, Cluster, Resource } from './port.ts'

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

type Told = Parameters<Cache['onChange']>[0]
type Type = 'ADDED' | 'MODIFIED' | 'DELETED'

const PAGE = 500
const BACKOFF_FIRST_MS = 100
const BACKOFF_MOST_MS = 10_000

export function createCache(ports: Ports, kinds: readonly string[]): Cache {
  const listeners: Told[] = []
  const tell = (key: Key, object: Resource, type: Type) => {
    for (const listener of listeners) {
      try {
        listener(key, object, type)
      } catch (error) {
        // Whoever listens badly must not make everybody else deaf.
        ports.log.error('a change could not be taken in', { key, error })
      }
    }
  }
  const shelves = new Map(kinds.map((kind) => [kind, createShelf(kind, tell)] as const))
  const shelf = (kind: string): Shelf => {
    const found = shelves.get(kind)
    if (!found) throw new Error(`${kind} is not among the kinds of this cache`)
    return found
  }
  return {
    async start(signal) {
      await Promise.all([...shelves].map(([kind, each]) => new Promise<void>((listed) => void keepUp(ports, kind, each, signal, listed))))
    },
    get: (kind, namespace, name) => shelf(kind).get(namespace, name),
    list: (kind, namespace) => shelf(kind).list(namespace),
    onChange: (listener) => void listeners.push(listener),
  }
}

async function keepUp(ports: Ports, kind: string, shelf: Shelf, signal: AbortSignal, listed: () => void): Promise<void> {
  let from: string | null = null
  let failures = 0
  // Whoever waits for the first list must not wait for ever when it is ended instead.
  signal.addEventListener('abort', listed, { once: true })
  while (!signal.aborted) {
    try {
      from ??= await listAll(ports, kind, shelf)
      listed()
      for await (const change of ports.cluster.watch(kind, { from, bookmarks: true }, signal)) {
        from = take(shelf, change)
        failures = 0
      }
    } catch (error) {
      const expired = isRefused(error, 'Expired')
      if (expired) from = null
      failures += 1
      // Only somebody who gives rights or installs kinds can cure what is refused.
      const level = error instanceof Refused && !expired ? 'warn' : 'debug'
      ports.log[level]('a watch is taken up again', { kind, error: messageOf(error) })
    }
    if (!signal.aborted)
      await ports.clock.sleep(jittered(exponentialMs(Math.max(failures, 1), BACKOFF_FIRST_MS, BACKOFF_MOST_MS), Math.random()), signal)
  }
}

async function listAll({ cluster }: Ports, kind: string, shelf: Shelf): Promise<string> {
  const present = new Set<string>()
  let version: string | null = null
  let next: string | undefined
  do {
    const page = await cluster.list(kind, { limit: PAGE, ...(next === undefined ? {} : { continue: next }) })
    version ??= page.resourceVersion
    for (const object of page.items) {
      present.add(idOf(object))
      shelf.put(object, 'MODIFIED')
    }
    next = page.continue
  } while (next !== undefined)
  shelf.keepOnly(present)
  return version
}

function take(shelf: Shelf, change: Change): string {
  if (change.type === 'BOOKMARK') return change.resourceVersion
  if (change.type === 'DELETED') shelf.drop(change.object)
  else shelf.put(change.object, change.type)
  return change.object.metadata.resourceVersion
}

interface Shelf {
  get(namespace: string, name: string): Resource | undefined
  list(namespace?: string): readonly Resource[]
  put(object: Resource, type: Type): void
  drop(object: Resource): void
  keepOnly(present: ReadonlySet<string>): void
}

const idOf = ({ metadata }: Resource): string => `${metadata.namespace ?? ''}/${metadata.name}`
const versionOf = (object: Resource): number => Number(object.metadata.resourceVersion)

const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration'

/** The whole object once more, as somebody's kubectl last sent it: as large as the object, and read by nobody here. */
function lean(object: Resource): Resource {
  const { [LAST_APPLIED]: sent, ...annotations } = object.metadata.annotations ?? {}
  if (sent === undefined) return object
  return Object.freeze({ ...object, metadata: Object.freeze({ ...object.metadata, annotations: Object.freeze(annotations) }) })
}

/** The objects of one kind by namespace. */
function createShelf(kind: string, tell: Told): Shelf {
  const namespaces = new Map<string, Map<string, Resource>>()
  const find = (object: Resource) => namespaces.get(object.metadata.namespace ?? '')?.get(object.metadata.name)
  const keyFor = ({ metadata }: Resource) => keyOf(kind, metadata.namespace ?? '', metadata.name)

  const all = (): Resource[] => {
    const objects: Resource[] = []
    for (const each of namespaces.values()) objects.push(...each.values())
    return objects
  }

  const remove = (object: Resource): void => {
    const namespace = object.metadata.namespace ?? ''
    const names = namespaces.get(namespace)
    names?.delete(object.metadata.name)
    if (names?.size === 0) namespaces.delete(namespace)
    tell(keyFor(object), object, 'DELETED')
  }

  return {
    get: (namespace, name) => namespaces.get(namespace)?.get(name),
    list(namespace) {
      if (namespace) return [...(namespaces.get(namespace)?.values() ?? [])]
      return all()
    },
    put(given, type) {
      const known = find(given)
      // Nothing goes back to what it was before, whoever tells it again.
      if (known && versionOf(known) >= versionOf(given)) return
      const replaced = known && known.metadata.uid !== given.metadata.uid
      // Its end was missed, and another has its name.
      if (replaced) remove(known)
      const object = lean(given)
      const namespace = object.metadata.namespace ?? ''
      let names = namespaces.get(namespace)
      if (!names) namespaces.set(namespace, (names = new Map()))
      names.set(object.metadata.name, object)
      tell(keyFor(object), object, known && !replaced ? type : 'ADDED')
    },
    drop(object) {
      const known = find(object)
      if (known && versionOf(known) <= versionOf(object)) remove(object)
    },
    keepOnly(present) {
      for (const object of all()) if (!present.has(idOf(object))) remove(object)
    },
  }
}
