import type { StoredChange } from '../store/objects.ts'
import { kindNamed } from './asked.ts'
import type { Resource } from './port.ts'
import { decode, selectableFrom, selectableOf, type Selectable } from './stored.ts'

export interface FeedChange {
  readonly version: number
  readonly kind: string
  readonly type: StoredChange['type']
  readonly object: Resource
  /** What selectors see. */
  readonly selectable: Selectable
  readonly before: Selectable | null
}

const KEPT_CHANGES_MAX = 2048
const KEPT_BYTES_MAX = 16 * 1024 * 1024

interface Kept {
  readonly change: FeedChange
  readonly bytes: number
}

/** The newest changes, all of those after `floor`. */
export interface Ring {
  floor(): number
  add(change: StoredChange): void
  after(position: number): FeedChange[]
  /** Begins anew: what comes after `version` will be here. */
  forget(version: number): void
}

export function createRing(): Ring {
  let entries: Kept[] = []
  let bytes = 0
  let floor = 0
  return {
    floor: () => floor,
    add(stored: StoredChange): void {
      entries.push({ change: decoded(stored), bytes: stored.body.length })
      bytes += stored.body.length
      if (entries.length <= KEPT_CHANGES_MAX && bytes <= KEPT_BYTES_MAX) return
      const gone = entries.splice(0, Math.ceil(entries.length / 2))
      bytes -= gone.reduce((sum, entry) => sum + entry.bytes, 0)
      floor = gone.at(-1)?.change.version ?? floor
    },
    after(position: number): FeedChange[] {
      const first = entries.findLastIndex(({ change }) => change.version <= position) + 1
      return entries.slice(first).map(({ change }) => change)
    },
    forget(version: number): void {
      entries = []
      bytes = 0
      floor = version
    },
  }
}

export function decoded({ version, kind, type, body, before }: StoredChange): FeedChange {
  const object = decode(body, version)
  return { version, kind, type, object, selectable: selectableOf(kindNamed(kind), object), before: selectableFrom(before) }
}
