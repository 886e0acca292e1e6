import type { IndexKey, Resource } from './port.ts'

/**
 * Objects by something that is written in them. It holds the objects themselves, and nothing of its own for one that is alone under
 * its key, as most are.
 */
export interface CacheIndex {
  /** In no order. */
  by(key: string): readonly Resource[]
  /** What was there, and what is instead; either may be nothing. */
  exchange(was: Resource | undefined, is: Resource | undefined): void
}

export function createCacheIndex(keyOf: IndexKey): CacheIndex {
  const found = new Map<string, Resource | Set<Resource>>()

  const leave = (key: string, object: Resource): void => {
    const there = found.get(key)
    if (!(there instanceof Set)) return void (there === object && found.delete(key))
    there.delete(object)
    if (there.size === 0) found.delete(key)
  }
  const enter = (key: string, object: Resource): void => {
    const there = found.get(key)
    if (there === undefined) found.set(key, object)
    else if (there instanceof Set) there.add(object)
    else found.set(key, new Set([there, object]))
  }

  return {
    by(key) {
      const there = found.get(key)
      if (there === undefined) return []
      return there instanceof Set ? [...there] : [there]
    },
    exchange(was, is) {
      const [from, to] = [was && keyOf(was), is && keyOf(is)]
      if (was && typeof from === 'string') leave(from, was)
      if (is && typeof to === 'string') enter(to, is)
    },
  }
}
