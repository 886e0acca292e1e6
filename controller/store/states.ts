import type { Db } from './pool.ts'

/** Sealed Terraform states: every outcome adds one, none is ever changed. */

export async function newestState(db: Db, workspaceUid: string): Promise<Buffer | null> {
  const [row] = await db.query<{ sealed: Buffer }>('select sealed from states where workspace_uid = $1 order by id desc limit 1', [
    workspaceUid,
  ])
  return row?.sealed ?? null
}

/** Only together with the outcome of the job it comes from. */
export async function keepState(tx: Db, workspaceUid: string, jobId: string, sealed: Buffer): Promise<void> {
  await tx.query('insert into states (workspace_uid, job_id, sealed) values ($1, $2, $3)', [workspaceUid, jobId, sealed])
}

/** Of a build that was given up, found when its machine came back. false: the workspace was built after it, by the state before. */
export async function keepLateState(db: Db, workspaceUid: string, jobId: string, sealed: Buffer): Promise<boolean> {
  const rows = await db.query(
    `insert into states (workspace_uid, job_id, sealed) select $1, $2, $3
     where not exists (select from jobs where subject_uid = $1 and kind = 'build' and id > $2) returning 1`,
    [workspaceUid, jobId, sealed],
  )
  return rows.length > 0
}
