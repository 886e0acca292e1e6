import type { Clock } from '../kernel/clock.ts'
import { messageOf } from '../kernel/errors.ts'
import type { Log } from '../kernel/log.ts'
import { renewClaim } from '../store/claim-jobs.ts'
import type { Db } from '../store/pool.ts'
import type { Claim } from '../store/records.ts'
import type { StopReason } from './run-terraform.ts'

/** A claim kept alive, and every way in which its work may be told to stop. */
export interface Hold {
  readonly stop: AbortSignal
  /** Somebody else may have it: nothing may be written any more. */
  lost(): boolean
  progressed(): void
  abort(reason: StopReason): void
  close(): void
}

interface HoldOptions {
  readonly db: Db
  readonly clock: Clock
  readonly log: Log
  readonly leaseMs: number
  readonly limitMs: number
}

const RENEW_MS = 1000

export function holdClaim({ db, clock, log, leaseMs, limitMs }: HoldOptions, claim: Claim): Hold {
  const stop = new AbortController()
  const closed = new AbortController()
  let lost = false
  let progressed = false
  let renewedAtMs = clock.elapsedMs()
  const abort = (reason: StopReason): void => {
    lost ||= reason === 'lease lost'
    if (!stop.signal.aborted) log.info('a job is told to stop', { job: claim.job.id, reason })
    stop.abort(reason)
  }
  const renew = async (): Promise<void> => {
    // Asleep for longer than the lease, by a stopped process or a suspended machine: it is over, whatever the database still thinks.
    if (clock.elapsedMs() - renewedAtMs > leaseMs) return abort('lease lost')
    const askedAtMs = clock.elapsedMs()
    const done = progressed
    progressed = false
    const { held, cancelRequested } = await renewClaim(db, claim, leaseMs, done)
    if (!held) return abort('lease lost')
    renewedAtMs = askedAtMs
    if (cancelRequested) abort('canceled')
  }
  const keepRenewing = async (): Promise<void> => {
    for (;;) {
      await clock.sleep(RENEW_MS, closed.signal)
      if (closed.signal.aborted || lost) return
      await renew().catch((error: unknown) => log.warn('a claim was not renewed', { job: claim.job.id, error: messageOf(error) }))
    }
  }
  const cancelLimit = clock.after(limitMs, () => abort('too long'))
  void keepRenewing()
  return {
    stop: stop.signal,
    lost: () => lost,
    progressed: () => void (progressed = true),
    abort,
    close() {
      cancelLimit()
      closed.abort()
    },
  }
}
