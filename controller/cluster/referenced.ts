import { within, type Clock } from '../kernel/clock.ts'
import { messageOf, Transient } from '../kernel/errors.ts'
import type { Log } from '../kernel/log.ts'
import type { Key } from '../kernel/names.ts'
import { createCache } from './cache.ts'
import type { Cache, Cluster, Resource } from './port.ts'

/**
 * ConfigMaps of a cluster are many, and nearly all of them are none of our business: only those that an object names are
 * followed, each by a watch of its own. To whoever reads, it looks as if the cache had the whole kind.
 */

export interface Reference {
  readonly namespace: string
  readonly name: string
}

export interface ReferencedOptions {
  readonly cluster: Pick<Cluster, 'list' | 'watch'>
  readonly clock: Clock
  readonly log: Log
  /** The kind that is named. */
  readonly kind: string
  /** The one that a cached object names; null: none. */
  readonly referenceOf: (object: Resource) => Reference | null
}

interface Followed {
  readonly cache: Cache
  readonly users: Set<Key>
  readonly listed: Promise<void>
  isListed: boolean
  end(): void
}

type Listener = Parameters<Cache['onChange']>[0]

/** An object whose reference cannot be read for so long is shown all the same. */
const FIRST_READ_MS = 5000

export function withReferenced(cache: Cache, options: ReferencedOptions): Cache {
  const { kind, referenceOf, clock, log } = options
  const followed = new Map<string, Followed>()
  const named = new Map<Key, string>()
  const listeners: Listener[] = []
  let over: AbortSignal | null = null
  const tell: Listener = (key, object, type) => {
    for (const listener of listeners) listener(key, object, type)
  }

  const leave = (user: Key): void => {
    const id = named.get(user)
    const one = id === undefined ? undefined : followed.get(id)
    named.delete(user)
    one?.users.delete(user)
    if (id === undefined || !one || one.users.size > 0) return
    one.end()
    followed.delete(id)
  }
  const follow = (user: Key, reference: Reference): Followed => {
    const id = idOf(reference)
    let one = followed.get(id)
    if (!one) followed.set(id, (one = followOne(options, reference, tell, over)))
    if (named.get(user) !== id) leave(user)
    named.set(user, id)
    one.users.add(user)
    return one
  }

  /** What may not be read must keep nobody waiting for ever. */
  const readOrLate = (user: Key, { listed }: Followed): Promise<void> =>
    within(clock, FIRST_READ_MS, listed, () => new Transient('it takes long')).catch((error: unknown) =>
      log.warn('what an object names could not be read yet', { key: user, kind, error: messageOf(error) }),
    )

  cache.onChange((key, object, type) => {
    const reference = type === 'DELETED' ? null : referenceOf(object)
    if (!reference) {
      leave(key)
      return tell(key, object, type)
    }
    const one = follow(key, reference)
    if (one.isListed) return tell(key, object, type)
    // Shown before what it names, it would be judged as if that were missing.
    void readOrLate(key, one).finally(() => tell(key, object, type))
  })

  return {
    async start(signal) {
      over = signal
      await cache.start(signal)
      await Promise.all([...named].flatMap(([user, id]) => [followed.get(id)].flatMap((one) => (one ? [readOrLate(user, one)] : []))))
    },
    get: (of, namespace, name) =>
      of === kind ? followed.get(idOf({ namespace, name }))?.cache.get(kind, namespace, name) : cache.get(of, namespace, name),
    list: (of, namespace) =>
      of === kind ? [...followed.values()].flatMap((one) => one.cache.list(kind, namespace)) : cache.list(of, namespace),
    by: cache.by,
    unread: cache.unread,
    onChange: (listener) => void listeners.push(listener),
  }
}

const idOf = ({ namespace, name }: Reference): string => `${namespace}/${name}`

function followOne(
  { cluster, clock, log, kind }: ReferencedOptions,
  { namespace, name }: Reference,
  tell: Listener,
  over: AbortSignal | null,
) {
  const ended = new AbortController()
  const only = { namespace, fieldSelector: `metadata.name=${name}` }
  const narrow: Pick<Cluster, 'list' | 'watch'> = {
    list: (of, options) => cluster.list(of, { ...options, ...only }),
    watch: (of, options, signal) => cluster.watch(of, { ...options, ...only }, signal),
  }
  const cache = createCache({ cluster: narrow, clock, log }, [kind])
  cache.onChange((key, object, type) => (ended.signal.aborted ? undefined : tell(key, object, type)))
  const listed = cache.start(over ? AbortSignal.any([ended.signal, over]) : ended.signal).then(() => void (one.isListed = true))
  const one: Followed = { cache, users: new Set(), listed, isListed: false, end: () => ended.abort() }
  return one
}
