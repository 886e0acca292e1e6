import { keyOf, type Key } from '../kernel/names.ts'
import { createCacheIndex, type CacheIndex } from './cache-index.ts'
import type { Cache, IndexKey, Resource } from './port.ts'

/** The objects of one kind by namespace, one copy of each, and their indexes. */
export interface Shelf {
  get(namespace: string, name: string): Resource | undefined
  list(namespace?: string): readonly Resource[]
  by(index: string, key: string): readonly Resource[]
  put(object: Resource, type: Type): void
  /** What another history tells: what was known of it is no earlier state of it. */
  putInstead(object: Resource): void
  drop(object: Resource): void
  keepOnly(present: ReadonlySet<string>): void
}

export type Told = Parameters<Cache['onChange']>[0]
export type Type = Parameters<Told>[2]

export const idOf = ({ metadata }: Resource): string => `${metadata.namespace ?? ''}/${metadata.name}`
const versionOf = (object: Resource): number => Number(object.metadata.resourceVersion)

const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration'

/** The whole object once more, as somebody's kubectl last sent it: as large as the object, and read by nobody here. */
function lean(object: Resource): Resource {
  const { [LAST_APPLIED]: sent, ...annotations } = object.metadata.annotations ?? {}
  if (sent === undefined) return object
  return Object.freeze({ ...object, metadata: Object.freeze({ ...object.metadata, annotations: Object.freeze(annotations) }) })
}

export function createShelf(kind: string, indexKeys: Readonly<Record<string, IndexKey>>, tell: Told): Shelf {
  const namespaces = new Map<string, Map<string, Resource>>()
  const indexes = new Map<string, CacheIndex>(Object.entries(indexKeys).map(([name, key]) => [name, createCacheIndex(key)]))
  const find = (object: Resource) => namespaces.get(object.metadata.namespace ?? '')?.get(object.metadata.name)
  const keyFor = ({ metadata }: Resource): Key => keyOf(kind, metadata.namespace ?? '', metadata.name)
  const exchange = (was: Resource | undefined, is: Resource | undefined) => {
    for (const index of indexes.values()) index.exchange(was, is)
  }

  const all = (): Resource[] => {
    const objects: Resource[] = []
    for (const each of namespaces.values()) objects.push(...each.values())
    return objects
  }

  /** Its last state may be newer than the one that was known. */
  const remove = (known: Resource, last: Resource = known): void => {
    const namespace = known.metadata.namespace ?? ''
    const names = namespaces.get(namespace)
    names?.delete(known.metadata.name)
    if (names?.size === 0) namespaces.delete(namespace)
    exchange(known, undefined)
    tell(keyFor(known), last, 'DELETED')
  }

  const show = (given: Resource, known: Resource | undefined, type: Type): void => {
    const object = lean(given)
    const namespace = object.metadata.namespace ?? ''
    let names = namespaces.get(namespace)
    if (!names) namespaces.set(namespace, (names = new Map()))
    names.set(object.metadata.name, object)
    exchange(known, object)
    tell(keyFor(object), object, known ? type : 'ADDED')
  }

  const putInstead = (given: Resource): void => {
    const known = find(given)
    if (known) remove(known)
    show(given, undefined, 'ADDED')
  }

  return {
    get: (namespace, name) => namespaces.get(namespace)?.get(name),
    list: (namespace) => (namespace ? [...(namespaces.get(namespace)?.values() ?? [])] : all()),
    by(name, key) {
      const index = indexes.get(name)
      if (!index) throw new Error(`${kind} has no index ${name}`)
      return index.by(key)
    },
    put(given, type) {
      const known = find(given)
      // Nothing goes back to what it was before, whoever tells it again.
      if (known && versionOf(known) >= versionOf(given)) return
      // Its end was missed, and another has its name.
      if (known && known.metadata.uid !== given.metadata.uid) putInstead(given)
      else show(given, known, type)
    },
    putInstead,
    drop(object) {
      const known = find(object)
      if (known && versionOf(known) <= versionOf(object)) remove(known, object)
    },
    keepOnly(present) {
      for (const object of all()) if (!present.has(idOf(object))) remove(object)
    },
  }
}
