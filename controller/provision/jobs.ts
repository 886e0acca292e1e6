import type { Clock } from '../kernel/clock.ts'
import type { Log } from '../kernel/log.ts'
import { claimJob, releaseClaim, type Claimant } from '../store/claim-jobs.ts'
import type { Db } from '../store/pool.ts'
import type { Claim } from '../store/records.ts'
import { holdClaim, type Hold } from './hold.ts'
import { oneAtATime } from './rhythm.ts'
import type { StopReason } from './run-terraform.ts'

/** `worked` is called when the job needs the processor no more, which makes room for the next one. */
export type Run = (claim: Claim, hold: Hold, worked: () => void) => Promise<void>

/** The jobs that run here now, never more than there is room for. */
export interface Jobs {
  /** From now on jobs are claimed, and each is run to its end; unless they were refused before. */
  accept(run: Run): void
  /** For good. */
  refuse(): void
  accepting(): boolean
  /** As many as there is work and room for. */
  claimMore(): Promise<void>
  running(): ReadonlySet<string>
  abortAll(reason: StopReason): void
  /** Resolves when nothing runs. */
  idle(): Promise<void>
}

interface JobsOptions {
  readonly db: Db
  readonly clock: Clock
  readonly log: Log
  readonly claimant: Omit<Claimant, 'leaseMs'>
  readonly limits: { readonly leaseMs: number; readonly buildMs: number }
  readonly capacity: number
}

interface Running {
  readonly hold: Hold
  readonly done: Promise<void>
  readonly preview: boolean
  worked: boolean
}

/** Jobs that only tell their outcome take no room, up to as many again: a slow disk must not pile them up. */
const FINISHING_FACTOR = 2

export function createJobs({ db, clock, log, claimant, limits, capacity }: JobsOptions): Jobs {
  const running = new Map<string, Running>()
  let run: Run | null = null
  let refused = false

  const begin = (claim: Claim, work: Run): void => {
    const hold = holdClaim({ db, clock, log, leaseMs: limits.leaseMs, limitMs: limits.buildMs }, claim)
    const worked = (): void => {
      const mine = running.get(claim.job.id)
      if (mine?.hold !== hold || mine.worked) return
      mine.worked = true
      void claimMore()
    }
    const done = work(claim, hold, worked).finally(() => {
      hold.close()
      running.delete(claim.job.id)
      void claimMore()
    })
    running.set(claim.job.id, { hold, done, preview: claim.job.kind === 'preview', worked: false })
  }
  /** Refused while the database was asked: nothing was begun, so somebody else may have it. */
  const beginOrGiveBack = async (claim: Claim): Promise<void> => {
    // Taken from us, given back, and claimed again before we noticed: both would work in one folder.
    const before = running.get(claim.job.id)
    before?.hold.abort('lease lost')
    await before?.done
    if (run) begin(claim, run)
    else await releaseClaim(db, claim)
  }
  const isFull = (): boolean => {
    const working = [...running.values()].filter(({ worked }) => !worked).length
    return working >= capacity || running.size >= capacity * FINISHING_FACTOR
  }
  /** Somebody is filling in a form: one of these is worked out although there is no room, since it is over in a moment. */
  const isPreviewing = (): boolean => [...running.values()].some(({ preview }) => preview)
  const claimMore = oneAtATime(async () => {
    for (;;) {
      if (!run || (isFull() && isPreviewing())) return
      const only = isFull() ? ({ only: 'preview' } as const) : {}
      const claim = await claimJob(db, { ...claimant, leaseMs: limits.leaseMs, ...only })
      if (!claim) return
      await beginOrGiveBack(claim)
    }
  }, log)

  return {
    accept: (work) => void (run = refused ? null : work),
    refuse() {
      refused = true
      run = null
    },
    accepting: () => run !== null,
    claimMore,
    running: () => new Set(running.keys()),
    abortAll(reason) {
      for (const { hold } of running.values()) hold.abort(reason)
    },
    async idle() {
      await claimMore()
      for (;;) {
        if (running.size === 0) return
        await Promise.all([...running.values()].map(({ done }) => done))
      }
    },
  }
}
