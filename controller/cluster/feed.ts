import type { Clock } from '../kernel/clock.ts'
import { messageOf } from '../kernel/errors.ts'
import type { Log } from '../kernel/log.ts'
import { changesAfter, newestVersion, OBJECTS_CHANNEL, type StoredChange } from '../store/objects.ts'
import type { Db } from '../store/pool.ts'
import type { Resource } from './port.ts'
import { expired } from './refusals.ts'
import { decode, selectableFrom, type Selectable } from './stored.ts'

/**
 * One reader of changes for all watchers of this process. The newest changes stay in memory; who is further behind reads
 * from the database until it has caught up, so a slow watcher costs memory to nobody and loses nothing.
 */

export interface FeedChange {
  readonly version: number
  readonly kind: string
  readonly type: StoredChange['type']
  readonly object: Resource
  readonly before: Selectable | null
}

export interface Feed {
  /** Changes of a kind after a position, and the position they lead to. `Refused('Expired')` when they are gone. */
  after(kind: string, position: number): Promise<{ readonly changes: readonly FeedChange[]; readonly position: number }>
  /** Resolves when there may be something after `position`, when `ms` have passed, or when `signal` aborts or the feed ends. */
  moved(position: number, ms: number, signal: AbortSignal): Promise<void>
  readonly ended: boolean
  close(): Promise<void>
}

interface Ports {
  readonly db: Db
  readonly clock: Clock
  readonly log: Log
}

const READ_MAX = 500
const CATCH_UP_MAX = 200
const KEPT_CHANGES_MAX = 2048
const KEPT_BYTES_MAX = 16 * 1024 * 1024
/** A notification is a hint and may be lost with its connection. */
const LOOK_EVERY_MS = 5_000

export function createFeed({ db, clock, log }: Ports): Feed {
  const kept = createRing()
  const waiting = new Set<() => void>()
  const over = new AbortController()
  let head = 0
  let started: Promise<void> | null = null
  let unlisten: (() => Promise<void>) | null = null
  let reading: Promise<void> | null = null
  let again = false
  let ready = false

  const wakeAll = () => {
    for (const wake of waiting) wake()
  }

  const readOn = async (): Promise<void> => {
    for (let full = true; full && !over.signal.aborted;) {
      const { version, oldest, changes } = await changesAfter(db, head, READ_MAX, null)
      full = changes.length === READ_MAX
      if (head < oldest) kept.forget(version)
      else for (const change of changes) kept.add(change)
      const next = head < oldest || !full ? version : (changes.at(-1)?.version ?? version)
      if (next === head) continue
      head = next
      wakeAll()
    }
  }

  /** One reader at a time; a hint that comes while it reads makes it read once more. */
  const look = (): void => {
    again = true
    if (!ready || reading || over.signal.aborted) return
    reading = (async () => {
      while (again) {
        again = false
        await readOn()
      }
    })()
      .catch((error: unknown) => log.debug('changes of objects cannot be read now', { error: messageOf(error) }))
      .finally(() => {
        reading = null
      })
  }

  const lookForEver = async (): Promise<void> => {
    while (!over.signal.aborted) {
      await clock.sleep(LOOK_EVERY_MS, over.signal)
      look()
    }
  }

  const start = async (): Promise<void> => {
    unlisten = await db.listen(OBJECTS_CHANNEL, look, look)
    head = await newestVersion(db)
    kept.forget(head)
    ready = true
    void lookForEver()
  }

  return {
    get ended() {
      return over.signal.aborted
    },
    async after(kind, position) {
      await (started ??= start().catch((error: unknown) => {
        started = null
        throw error
      }))
      if (position >= kept.floor())
        return { changes: kept.after(position).filter((change) => change.kind === kind), position: Math.max(position, head) }
      const { version, oldest, changes } = await changesAfter(db, position, CATCH_UP_MAX, kind)
      if (position < oldest) throw expired(String(position), oldest)
      const full = changes.length === CATCH_UP_MAX
      return { changes: changes.map(decoded), position: full ? (changes.at(-1)?.version ?? version) : version }
    },
    moved: (position, ms, signal) =>
      new Promise((resolve) => {
        if (head > position || signal.aborted || over.signal.aborted) return resolve()
        const done = () => {
          waiting.delete(done)
          cancel()
          signal.removeEventListener('abort', done)
          resolve()
        }
        const cancel = clock.after(ms, done)
        waiting.add(done)
        signal.addEventListener('abort', done)
      }),
    async close() {
      over.abort()
      wakeAll()
      await reading
      await unlisten?.().catch(() => {})
    },
  }
}

interface Kept {
  readonly change: FeedChange
  readonly bytes: number
}

/** The newest changes, all of those after `floor`. */
function createRing() {
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

const decoded = ({ version, kind, type, body, before }: StoredChange): FeedChange => ({
  version,
  kind,
  type,
  object: decode(body, version),
  before: selectableFrom(before),
})
