import type { Resource } from '../cluster/port.ts'
import { keyOf, type Key } from '../kernel/names.ts'
import type { Objects } from './ports.ts'

/**
 * A watch shows our own write a moment later. Until it does, a look would judge the object as it was before, and tell
 * again what it has told. So what we wrote last is read until the watch has caught up.
 */
export interface OwnWrites extends Objects {
  wrote(object: Resource): void
  /** The watch shows this version of the object, or that it is gone. */
  shown(key: Key, object: Resource, gone: boolean): void
}

export function ownWrites(cache: Objects): OwnWrites {
  const ahead = new Map<Key, { readonly newest: Resource; readonly versions: readonly string[] }>()

  const latest = (object: Resource): Resource => {
    const own = ahead.get(keyOfObject(object))?.newest
    return own?.metadata.uid === object.metadata.uid ? own : object
  }

  return {
    get(kind, namespace, name) {
      const object = cache.get(kind, namespace, name)
      return object && latest(object)
    },
    list: (kind, namespace) => cache.list(kind, namespace).map(latest),
    wrote(object) {
      const key = keyOfObject(object)
      const shown = cache.get(object.kind, object.metadata.namespace ?? '', object.metadata.name)
      if (!shown || shown.metadata.resourceVersion === object.metadata.resourceVersion) return
      ahead.set(key, { newest: object, versions: [...(ahead.get(key)?.versions ?? []), object.metadata.resourceVersion] })
    },
    shown(key, object, gone) {
      const own = ahead.get(key)
      if (!own) return
      const seenUpTo = own.versions.indexOf(object.metadata.resourceVersion)
      // Every write of ours names the version it changes: a version that is none of ours can only be newer than all of them.
      const behind = gone || seenUpTo === -1 ? [] : own.versions.slice(seenUpTo + 1)
      if (behind.length === 0) ahead.delete(key)
      else ahead.set(key, { ...own, versions: behind })
    },
  }
}

const keyOfObject = ({ kind, metadata }: Resource): Key => keyOf(kind, metadata.namespace ?? '', metadata.name)
