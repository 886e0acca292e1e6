import type { Reason } from '../kernel/reasons.ts'
import { plain } from '../kernel/plain.ts'
import { confirmAgents, settleAgents, type ConfirmedAgent } from './agents-of-outcome.ts'
import { HELD } from './job-rows.ts'
import type { Db } from './pool.ts'
import { keepPlan } from './plans.ts'
import type { Claim, JobResult } from './records.ts'
import { keepState } from './states.ts'
import { storable } from './text.ts'
import { upsertVersion, type ImportOutcome } from './versions.ts'

export interface Outcome {
  readonly phase: 'Succeeded' | 'Failed' | 'Canceled'
  readonly reason: Reason | null
  readonly error: string | null
  /** Sealed. null keeps the one before. */
  readonly state: Buffer | null
  /** The agents in the newest state; whoever is not among them is dropped. null: not known, all stay as they are. */
  readonly agents: readonly ConfirmedAgent[] | null
  readonly result: JobResult
  /** Sealed: what a plan worked out. */
  readonly plan?: Buffer
  /** What an import learnt. */
  readonly version?: ImportOutcome
}

/**
 * All of an outcome or nothing of it, in one transaction. false: the claim was lost, nothing is written, and whoever took
 * over says how the job ended.
 */
export function finishJob(db: Db, claim: Claim, outcome: Outcome): Promise<boolean> {
  return db.transaction(async (tx) => {
    // Ends the job first: this takes the row's lock, so that from here on nobody can take over.
    const [row] = await tx.query<{ key: string }>(
      `update jobs set finished_at = clock_timestamp(), outcome = $4, error_reason = $5, error = $6, result = $7, intent = case when $4 = 'Succeeded' then null else intent end
       where ${HELD} returning subject_key as key`,
      [
        claim.job.id,
        claim.epoch,
        claim.provisionerId,
        outcome.phase,
        outcome.reason,
        outcome.error && storable(plain(outcome.error)),
        JSON.stringify(outcome.result),
      ],
    )
    if (!row) return false
    const { kind, subject, digest } = claim.job
    if (kind === 'import') {
      if (outcome.version) await upsertVersion(tx, { templateUid: subject.uid, digest, outcome: outcome.version })
    } else {
      if (outcome.state) await keepState(tx, subject.uid, claim.job.id, outcome.state)
      if (outcome.plan) await keepPlan(tx, subject.uid, claim.job.id, outcome.plan)
      if (outcome.agents) await confirmAgents(tx, subject.uid, outcome.agents)
      if (kind === 'build') await settleAgents(tx, subject.uid, claim.job.transition === 'stop' && outcome.phase === 'Succeeded')
    }
    await tx.notify('bothy_keys', row.key)
    return true
  })
}
