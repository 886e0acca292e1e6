import { HELD, JOB_COLUMNS, NO_WAIT_FOR_DISK, jobOf, type JobColumns } from './job-rows.ts'
import type { Db } from './pool.ts'
import type { Claim, Intent, Job, JobKind } from './records.ts'

/**
 * Who works on a job. A claim is a lease on the database's clock with an epoch; every write of its holder names the epoch,
 * and touches nothing once the lease is over or somebody else's.
 */

export interface Claimant {
  readonly provisionerId: string
  /** It takes jobs whose labels are all among these. */
  readonly labels: Readonly<Record<string, string>>
  readonly leaseMs: number
  /** Left out: of any kind. */
  readonly only?: JobKind
}

type ClaimColumns = JobColumns & { readonly epoch: number }

/** The oldest job of the best class, or null when there is nothing for it. */
export async function claimJob(db: Db, { provisionerId, labels, leaseMs, only }: Claimant): Promise<Claim | null> {
  const rows = await db.query<ClaimColumns>(
    `with claimed as (
       update jobs set provisioner_id = $1, epoch = epoch + 1, claimed_at = clock_timestamp(), progressed_at = clock_timestamp(),
         lease_until = clock_timestamp() + $3 * interval '1 ms'
       where id = (
         select id from jobs where claimed_at is null and finished_at is null and labels <@ $2::jsonb${only === undefined ? '' : ' and kind = $4'}
         order by class_order, queued_at, id limit 1 for update skip locked)
       returning *
     ), told as (select pg_notify('bothy_keys', subject_key) from claimed)
     select ${JOB_COLUMNS}, epoch from claimed, told`,
    [provisionerId, JSON.stringify(labels), leaseMs, ...(only === undefined ? [] : [only])],
  )
  return claimOf(rows[0], provisionerId)
}

export async function renewClaim(
  db: Db,
  claim: Claim,
  leaseMs: number,
  progressed: boolean,
): Promise<{ readonly held: boolean; readonly cancelRequested: boolean }> {
  const [row] = await db.query<{ canceled: boolean }>(
    `update jobs set lease_until = clock_timestamp() + $4 * interval '1 ms',
       progressed_at = case when $5 then clock_timestamp() else progressed_at end
     where ${HELD} returning cancel_requested_at is not null as canceled`,
    [...holder(claim), leaseMs, progressed],
  )
  return { held: row !== undefined, cancelRequested: row?.canceled ?? false }
}

/** Back into the queue, for somebody else. Only before terraform was about to start; false: too late, or lost. */
export function releaseClaim(db: Db, claim: Claim): Promise<boolean> {
  return told(
    db,
    `update jobs set claimed_at = null, started_at = null, provisioner_id = null, lease_until = null, progressed_at = null
     where ${HELD} and intent is null and cancel_requested_at is null`,
    holder(claim),
  )
}

export async function recordIntent(db: Db, claim: Claim, intent: Intent): Promise<boolean> {
  const rows = await db.query(`update jobs set intent = $4, progressed_at = clock_timestamp() where ${HELD} returning 1`, [
    ...holder(claim),
    JSON.stringify(intent),
  ])
  return rows.length > 0
}

export async function startJob(db: Db, claim: Claim): Promise<boolean> {
  const rows = await db.query(
    `with started as (
       update jobs set started_at = coalesce(started_at, clock_timestamp()), progressed_at = clock_timestamp()
       where ${HELD} returning subject_key
     )
     select pg_notify('bothy_keys', subject_key) from started, ${NO_WAIT_FOR_DISK}`,
    holder(claim),
  )
  return rows.length > 0
}

/** Claimed, not finished, and the lease is over: the holder is dead or cut off. null: of any provisioner. */
export async function lostClaims(db: Db, provisionerId: string | null): Promise<Job[]> {
  const rows = await db.query<JobColumns>(
    `select ${JOB_COLUMNS} from jobs
     where claimed_at is not null and finished_at is null and lease_until <= clock_timestamp()
       and ($1::text is null or provisioner_id = $1)
     order by id limit 1000`,
    [provisionerId],
  )
  return rows.map(jobOf)
}

/** A lost claim under a new epoch, to find out what its holder left behind; null: it is not lost, or somebody was faster. */
export async function takeOver(db: Db, jobId: string, provisionerId: string, leaseMs: number): Promise<Claim | null> {
  const rows = await db.query<ClaimColumns>(
    `update jobs set provisioner_id = $2, epoch = epoch + 1, progressed_at = clock_timestamp(),
       lease_until = clock_timestamp() + $3 * interval '1 ms'
     where id = $1 and claimed_at is not null and finished_at is null and lease_until <= clock_timestamp()
     returning ${JOB_COLUMNS}, epoch`,
    [jobId, provisionerId, leaseMs],
  )
  return claimOf(rows[0], provisionerId)
}

const holder = ({ job, epoch, provisionerId }: Claim): readonly unknown[] => [job.id, epoch, provisionerId]

function claimOf(row: ClaimColumns | undefined, provisionerId: string): Claim | null {
  if (!row) return null
  const { epoch, ...columns } = row
  return { job: jobOf(columns), provisionerId, epoch }
}

/** Does `update` and, where it changed something, tells whoever looks at the subject and whoever looks for work. */
async function told(db: Db, update: string, values: readonly unknown[]): Promise<boolean> {
  const rows = await db.query(
    `with changed as (${update} returning subject_key)
     select pg_notify('bothy_keys', subject_key), pg_notify('bothy_jobs', '') from changed`,
    values,
  )
  return rows.length > 0
}
