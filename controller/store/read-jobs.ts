import { JOB_COLUMNS, jobOf, type JobColumns } from './job-rows.ts'
import type { Db } from './pool.ts'
import type { Intent, Job, JobKind, JobPhase, Transition } from './records.ts'

export async function jobById(db: Db, id: string): Promise<Job | null> {
  const rows = await db.query<JobColumns>(`select ${JOB_COLUMNS} from jobs where id = $1`, [id])
  return rows[0] ? jobOf(rows[0]) : null
}

/** Newest first. */
export async function buildsOf(db: Db, workspaceUid: string, limit: number): Promise<Job[]> {
  const rows = await db.query<JobColumns>(
    `select ${JOB_COLUMNS} from jobs where subject_uid = $1 and kind = 'build' order by id desc limit $2`,
    [workspaceUid, limit],
  )
  return rows.map(jobOf)
}

export const newestLook = (db: Db, workspaceUid: string): Promise<Job | null> => newest(db, workspaceUid, 'look', null)

export const newestImportOf = (db: Db, templateUid: string, digest: string): Promise<Job | null> =>
  newest(db, templateUid, 'import', digest)

async function newest(db: Db, uid: string, kind: JobKind, digest: string | null): Promise<Job | null> {
  const rows = await db.query<JobColumns>(
    `select ${JOB_COLUMNS} from jobs where subject_uid = $1 and kind = $2 and ($3::text is null or digest = $3) order by id desc limit 1`,
    [uid, kind, digest],
  )
  return rows[0] ? jobOf(rows[0]) : null
}

/** What somebody works on at this moment. */
export async function jobsInFlight(db: Db): Promise<Job[]> {
  const rows = await db.query<JobColumns>(
    `select ${JOB_COLUMNS} from jobs where claimed_at is not null and finished_at is null order by id limit 1000`,
  )
  return rows.map(jobOf)
}

export interface JobCount {
  readonly kind: JobKind
  readonly transition: Transition | null
  readonly phase: JobPhase
  readonly count: number
}

/** How many of each are kept: what the metrics tell. */
export function countJobs(db: Db): Promise<JobCount[]> {
  return db.query<JobCount>('select kind, transition, phase, count(*)::int as count from jobs group by kind, transition, phase')
}

/** What was on its machine before terraform started; null: terraform was not about to start. */
export async function intentOf(db: Db, jobId: string): Promise<Intent | null> {
  const [row] = await db.query<{ intent: Intent | null }>('select intent from jobs where id = $1', [jobId])
  return row?.intent ?? null
}
