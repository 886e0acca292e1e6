import type { Clock } from '../kernel/clock.ts'
import type { Log } from '../kernel/log.ts'
import { claimJob, releaseClaim, type Claimant } from '../store/claim-jobs.ts'
import type { Db } from '../store/pool.ts'
import type { Claim } from '../store/records.ts'
import { holdClaim, type Hold } from './hold.ts'
import { oneAtATime } from './rhythm.ts'
import type { StopReason } from './run-terraform.ts'

/** The jobs that run here now, never more than there is room for. */
export interface Jobs {
  /** From now on jobs are claimed, and each is run to its end. */
  accept(run: (claim: Claim, hold: Hold) => Promise<void>): void
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
}

export function createJobs({ db, clock, log, claimant, limits, capacity }: JobsOptions): Jobs {
  const running = new Map<string, Running>()
  let run: ((claim: Claim, hold: Hold) => Promise<void>) | null = null

  const begin = (claim: Claim, work: NonNullable<typeof run>): void => {
    const hold = holdClaim({ db, clock, log, leaseMs: limits.leaseMs, limitMs: limits.buildMs }, claim)
    const done = work(claim, hold).finally(() => {
      hold.close()
      running.delete(claim.job.id)
      void claimMore()
    })
    running.set(claim.job.id, { hold, done })
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
  const claimMore = oneAtATime(async () => {
    for (;;) {
      if (!run || running.size >= capacity) return
      const claim = await claimJob(db, { ...claimant, leaseMs: limits.leaseMs })
      if (!claim) return
      await beginOrGiveBack(claim)
    }
  }, log)

  return {
    accept: (work) => void (run = work),
    refuse: () => void (run = null),
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
