import type { Resource } from '../cluster/port.ts'
import { keyOf, type Key } from '../kernel/names.ts'
import type { Objects } from './ports.ts'

/**
 * A watch shows our own write a moment later. Until it does, a look would judge the object as it was before, and tell
 * again what it has told. So what we wrote last is read until the watch has caught up.
 */
export interface OwnWrites extends Objects {
  wrote(object: Resource): void
  /** The watch shows this version of the object, or that it is gone. true: it is our own last write, and no news. */
  shown(key: Key, object: Resource, gone: boolean): boolean
}

export function ownWrites(cache: Objects): OwnWrites {
  const ahead = new Map<Key, Resource>()
  const latest = (object: Resource): Resource => {
    const own = ahead.get(keyOfObject(object))
    return own && own.metadata.uid === object.metadata.uid && isNewer(own, object) ? own : object
  }
  return {
    get(kind, namespace, name) {
      const object = cache.get(kind, namespace, name)
      return object && latest(object)
    },
    list: (kind, namespace) => (ahead.size === 0 ? cache.list(kind, namespace) : cache.list(kind, namespace).map(latest)),
    // We write no spec, so it is found where the watch has it.
    by: (kind, index, key) => (ahead.size === 0 ? cache.by(kind, index, key) : cache.by(kind, index, key).map(latest)),
    wrote(object) {
      const shown = cache.get(object.kind, object.metadata.namespace ?? '', object.metadata.name)
      // The watch may have been faster than the answer to the write, and may even show what another wrote since.
      if (shown && isNewer(object, shown)) ahead.set(keyOfObject(object), object)
    },
    shown(key, object, gone) {
      const own = ahead.get(key)
      if (own && (gone || !isNewer(own, object))) ahead.delete(key)
      return !gone && own?.metadata.resourceVersion === object.metadata.resourceVersion
    },
  }
}

/** Versions of one object grow as numbers, in Kubernetes as here. */
const isNewer = (a: Resource, b: Resource): boolean => BigInt(a.metadata.resourceVersion) > BigInt(b.metadata.resourceVersion)

const keyOfObject = ({ kind, metadata }: Resource): Key => keyOf(kind, metadata.namespace ?? '', metadata.name)
