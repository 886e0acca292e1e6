import type { Clock, Instant } from '../kernel/clock.ts'
import { messageOf } from '../kernel/errors.ts'
import type { Log } from '../kernel/log.ts'
import type { Metrics } from '../kernel/metrics.ts'
import { changesAfter, newestVersion, OBJECTS_CHANNEL } from '../store/objects.ts'
import type { Db } from '../store/pool.ts'
import { expired } from './refusals.ts'
import { createRing, decoded, type FeedChange } from './ring.ts'

/**
 * One reader of changes for all watchers of this process. The newest changes stay in memory; who is further behind reads
 * from the database until it has caught up, so a slow watcher costs memory to nobody and loses nothing.
 */

export interface Feed {
  /** How often an older state of the database was brought back since this process looks. */
  readonly epoch: number
  /**
   * Changes of a kind after a position, and the position they lead to. `Refused('Expired')` when they are gone, and when what is
   * there now is not of `epoch`: numbers of the state before are given anew.
   */
  after(kind: string, position: number, epoch: number): Promise<{ readonly changes: readonly FeedChange[]; readonly position: number }>
  /** Resolves when there may be something after `position`, when `ms` have passed, or when `signal` aborts or the feed ends. */
  moved(position: number, ms: number, signal: AbortSignal): Promise<void>
  readonly ended: boolean
  close(): Promise<void>
}

interface Ports {
  readonly db: Db
  readonly clock: Clock
  readonly log: Log
  readonly metrics: Metrics
}

const READ_MAX = 500
const CATCH_UP_MAX = 200
/** A notification is a hint and may be lost with its connection. */
const LOOK_EVERY_MS = 5_000
/**
 * Under a load of writes changes are read and told many at once, so that each costs less: the more a reading brought, the later
 * is the next. Whoever writes now and then is told of at once: so many readings in a row are as soon as they can be.
 */
const READ_EVERY_MS = 5
const READ_EVERY_MS_MAX = 30
const READS_AT_ONCE_MAX = 10
const LAG_HELP = 'From the write of an object to the moment its watchers are told'

export function createFeed({ db, clock, log, metrics }: Ports): Feed {
  const over = new AbortController()
  const waiting = new Set<() => void>()
  const reader = createReader({ db, clock, log }, over.signal, (writtenAt) => {
    if (writtenAt !== null) metrics.observe('bothy_watch_lag_seconds', LAG_HELP, Math.max(0, clock.now() - writtenAt) / 1000)
    for (const wake of waiting) wake()
  })
  let started: Promise<() => Promise<void>> | null = null

  const start = async (): Promise<() => Promise<void>> => {
    const unlisten = await db.listen(OBJECTS_CHANNEL, reader.look, reader.look)
    reader.begin(await newestVersion(db))
    void lookForEver()
    return unlisten
  }

  const lookForEver = async (): Promise<void> => {
    while (!over.signal.aborted) {
      await clock.sleep(LOOK_EVERY_MS, over.signal)
      reader.look()
    }
  }

  return {
    get epoch() {
      return reader.epoch()
    },
    get ended() {
      return over.signal.aborted
    },
    async after(kind, position, epoch) {
      started ??= start().catch((error: unknown) => {
        started = null
        throw error
      })
      await started
      if (reader.epoch() !== epoch || reader.isOfAnother(position)) throw expired(String(position), reader.head())
      return reader.recent(kind, position) ?? (await catchUp(db, kind, position))
    },
    moved: (position, ms, signal) =>
      new Promise((resolve) => {
        if (reader.head() > position || signal.aborted || over.signal.aborted) return resolve()
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
      for (const wake of waiting) wake()
      const unlisten = await started?.catch(() => null)
      await reader.rest()
      await unlisten?.().catch(() => {})
    },
  }
}

type Read = Awaited<ReturnType<Feed['after']>>

/** For who is behind what is kept in memory. */
async function catchUp(db: Db, kind: string, position: number): Promise<Read> {
  const { version, oldest, more, changes } = await changesAfter(db, position, CATCH_UP_MAX, kind)
  if (position < oldest) throw expired(String(position), oldest)
  return { changes: changes.map(decoded), position: more ? (changes.at(-1)?.version ?? version) : version }
}

interface Reader {
  head(): number
  epoch(): number
  /**
   * Whether it was told of, and then an older state of the database was brought back. A version that a client brings says no more than
   * its number: once that was given anew, whoever was told of the one before cannot be told from who was told of this.
   */
  isOfAnother(position: number): boolean
  begin(version: number): void
  look(): void
  /** What is in memory after a position; null: it is too far back. */
  recent(kind: string, position: number): Read | null
  /** Resolves when nothing is being read any more. */
  rest(): Promise<void>
}

/** Reads on from the newest version it knows, one reading at a time; a hint that comes meanwhile makes it read once more. */
function createReader({ db, clock, log }: Omit<Ports, 'metrics'>, over: AbortSignal, onMoved: (writtenAt: Instant | null) => void): Reader {
  const ring = createRing()
  let head: number | null = null
  /** The newest version that there was, and is no more. */
  let lost = 0
  let epoch = 0
  let reading: Promise<void> | null = null
  let again = false
  /** When the readings so far would have ended, had each taken its time. */
  let paidMs = clock.elapsedMs()
  /** By the last one. */
  let brought = 0

  const inTurn = async (): Promise<void> => {
    const now = clock.elapsedMs()
    const everyMs = Math.min(READ_EVERY_MS * Math.max(1, brought), READ_EVERY_MS_MAX)
    paidMs = Math.max(paidMs + everyMs, now - READ_EVERY_MS * READS_AT_ONCE_MAX)
    if (paidMs > now) await clock.sleep(paidMs - now, over)
  }

  const readOn = async (from: number): Promise<void> => {
    const { version, oldest, more, changes } = await changesAfter(db, from, READ_MAX, null)
    brought = changes.length
    if (version < from) {
      log.warn('an older state of the database was brought back: whoever follows objects lists them anew', { from, to: version })
      lost = Math.max(lost, from)
      epoch += 1
      ring.forget(version)
      head = version
      return onMoved(null)
    }
    if (from < oldest) ring.forget(version)
    else for (const change of changes) ring.add(change)
    head = from >= oldest && more ? (changes.at(-1)?.version ?? version) : version
    if (head !== from) onMoved(changes[0]?.at ?? null)
    if (more) again = true
  }

  const readAll = async (): Promise<void> => {
    for (let from = head; from !== null && again && !over.aborted; from = head) {
      await inTurn()
      again = false
      await readOn(from)
    }
  }

  const look = (): void => {
    again = true
    if (reading || over.aborted) return
    reading = readAll()
      .catch((error: unknown) => log.debug('changes of objects cannot be read now', { error: messageOf(error) }))
      .finally(() => {
        reading = null
        // A hint may have come after the last look at `again`.
        if (again && head !== null) look()
      })
  }

  return {
    look,
    head: () => head ?? 0,
    epoch: () => epoch,
    isOfAnother: (position) => head !== null && position > head && position <= lost,
    begin(version) {
      head = version
      ring.forget(version)
      // Told of something while it was asked where to begin: that may be newer than the answer.
      if (again) look()
    },
    recent: (kind, position) =>
      position < ring.floor()
        ? null
        : { changes: ring.after(position).filter((change) => change.kind === kind), position: Math.max(position, head ?? 0) },
    rest: async () => {
      await reading
    },
  }
}
