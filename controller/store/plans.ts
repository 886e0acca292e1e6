import type { Db } from './pool.ts'

/** Sealed plans, and who agreed to them. */

/** Only together with the outcome of the job that made it. */
export async function keepPlan(tx: Db, workspaceUid: string, jobId: string, sealed: Buffer): Promise<void> {
  await tx.query('insert into plans (job_id, workspace_uid, sealed) values ($1, $2, $3)', [jobId, workspaceUid, sealed])
}

export async function sealedPlan(db: Db, jobId: string): Promise<Buffer | null> {
  const [row] = await db.query<{ sealed: Buffer }>('select sealed from plans where job_id = $1', [jobId])
  return row?.sealed ?? null
}

/** The first who agrees is written down; whoever looks after the workspace is woken. */
export async function approvePlan(db: Db, jobId: string, by: string): Promise<void> {
  await db.query(
    `with approved as (
       update plans set approved_at = clock_timestamp(), approved_by = $2 where job_id = $1 and approved_at is null returning job_id)
     select pg_notify('bothy_keys', subject_key) from jobs join approved on approved.job_id = jobs.id`,
    [jobId, by],
  )
}
