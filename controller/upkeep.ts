import { statfs } from 'node:fs/promises'
import type { Check } from './api/ports.ts'
import { within, type Clock } from './kernel/clock.ts'
import type { Log } from './kernel/log.ts'
import type { Metrics } from './kernel/metrics.ts'
import { sweepPrograms } from './program/sweep.ts'
import { programsInUse } from './store/agents.ts'
import { databaseNow, type Db } from './store/pool.ts'
import { countJobs } from './store/read-jobs.ts'
import { prune } from './store/retention.ts'

/** What a control plane does besides: it measures itself, says whether it is well, and throws away what is old. */

const PRUNE_EVERY_MS = 10 * 60_000
const DISK_FREE_MIN_BYTES = 100 * 1024 * 1024
const DATABASE_ANSWER_MS = 2000

export function measure(db: Db, metrics: Metrics): void {
  metrics.gauge('bothy_database_connections', 'Connections to the database, by what they do.', () => {
    const { total, idle, waiting } = db.stats()
    return new Map([
      [{ state: 'busy' }, total - idle],
      [{ state: 'idle' }, idle],
      [{ state: 'waited for' }, waiting],
    ])
  })
  metrics.gauge('bothy_jobs', 'Jobs that are kept, by kind, transition and how they ended.', async () => {
    const counts = await countJobs(db)
    return new Map(counts.map(({ kind, transition, phase, count }) => [{ kind, transition: transition ?? '', phase }, count]))
  })
}

export const databaseCheck = (db: Db, clock: Clock): Check => ({
  name: 'database',
  look: async () => {
    try {
      await within(clock, DATABASE_ANSWER_MS, db.query('select 1'), () => new Error('it does not answer'))
      return null
    } catch (error) {
      return error instanceof Error ? error.message : String(error)
    }
  },
})

export const diskCheck = (dir: string): Check => ({
  name: 'disk',
  look: async () => {
    const { bavail, bsize } = await statfs(dir)
    const free = bavail * bsize
    return free < DISK_FREE_MIN_BYTES ? `only ${Math.round(free / 1024 / 1024)} MiB are free under ${dir}` : null
  },
})

export interface Pruning {
  readonly db: Db
  readonly stateDir: string
  readonly clock: Clock
  readonly log: Log
  /** Versions of templates that objects outside of this database name. */
  readonly inUse: () => readonly string[]
  /** What several share is pruned by the one that leads: another may see what is in use too late, or know an older schema. */
  readonly leads: () => boolean
}

export async function pruneNowAndThen({ db, stateDir, clock, log, inUse, leads }: Pruning, over: AbortSignal): Promise<void> {
  for (;;) {
    await clock.sleep(PRUNE_EVERY_MS, over)
    if (over.aborted) return
    try {
      const programs = await sweepPrograms(stateDir, await programsInUse(db), clock)
      const shared = leads() ? await prune(db, await databaseNow(db), inUse()) : {}
      log.debug('pruned', { ...shared, programs })
    } catch (error) {
      log.warn('pruning failed, and is tried again later', { error })
    }
  }
}
