import type { Db } from './pool.ts'
import type { Job, JobKind, NewBuild, NewImport, NewJob, NewPlan } from './records.ts'
import { JOB_COLUMNS, jobOf, type JobColumns } from './job-rows.ts'

/** Puts jobs into the queue, and takes them out again before anybody began. */

export type Queued =
  | { readonly queued: true; readonly job: Job }
  | { readonly queued: false; readonly why: 'BuildInProgress' | 'NumberTaken' | 'LifeChanged' }

/**
 * `lifeRevision`: what is remembered of the workspace, as it was when this was decided. If somebody has changed it since,
 * as by extending a deadline, nothing is queued.
 */
export async function queueBuild(db: Db, build: NewBuild, lifeRevision: number | null = null): Promise<Queued> {
  const job = await insert(db, 'build', build, build, lifeRevision)
  if (job) return { queued: true, job }
  const unfinished = await db.query(`select 1 from jobs where subject_uid = $1 and kind = 'build' and finished_at is null`, [
    build.subject.uid,
  ])
  if (unfinished.length > 0) return { queued: false, why: 'BuildInProgress' }
  return { queued: false, why: lifeRevision === null ? 'NumberTaken' : 'LifeChanged' }
}

/** null: one for this template and digest is queued or running. */
export const queueImport = (db: Db, job: NewImport): Promise<Job | null> => insert(db, 'import', job, job)

/** null: a look or a build of this workspace is in flight, and will tell the same. */
export const queueLook = (db: Db, job: NewJob): Promise<Job | null> => insert(db, 'look', job, {})

/** Nobody waits for another's: as many as are asked. */
export async function queuePreview(db: Db, job: NewImport): Promise<Job> {
  const queued = await insert(db, 'preview', job, job)
  if (!queued) throw new Error('a preview was not queued')
  return queued
}

/** null: a plan or a build of this workspace is in flight. */
export const queuePlan = (db: Db, plan: NewPlan): Promise<Job | null> => insert(db, 'plan', plan, plan)

async function insert(
  db: Db,
  kind: JobKind,
  job: NewJob,
  build: Partial<NewBuild>,
  lifeRevision: number | null = null,
): Promise<Job | null> {
  const rows = await db.query<JobColumns>(
    `with queued as (
       insert into jobs (kind, subject_uid, subject_namespace, subject_name, number, transition, digest, reason, initiator,
         request_uid, class, labels, inputs, input)
       select $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14
       where ($1 not in ('look', 'plan') or not exists (
         select from jobs where subject_uid = $2 and kind = 'build' and finished_at is null))
         -- The lock makes whoever changes it at this moment come before or after this, as a whole.
         and ($15::int is null or exists (select from lives where workspace_uid = $2 and revision = $15 for share))
       on conflict do nothing
       returning *
     ), told as (select pg_notify('bothy_jobs', '') from queued)
     select ${JOB_COLUMNS} from queued, told`,
    [
      kind,
      job.subject.uid,
      job.subject.namespace,
      job.subject.name,
      build.number ?? null,
      build.transition ?? null,
      job.digest,
      job.reason,
      job.initiator,
      build.requestUid ?? null,
      job.class,
      JSON.stringify(job.labels),
      build.inputs ?? '',
      build.input ? JSON.stringify(build.input) : null,
      lifeRevision,
    ],
  )
  return rows[0] ? jobOf(rows[0]) : null
}

/**
 * A queued job is canceled at once; the holder of a running one learns of it at its next renewal, a second away at most.
 * A finished job stays as it is. null: there is no such job.
 */
export async function requestCancel(db: Db, jobId: string, by: string): Promise<Job | null> {
  const rows = await db.query<JobColumns>(
    `with canceled as (
       update jobs set
         cancel_requested_at = coalesce(cancel_requested_at, clock_timestamp()),
         cancel_by = coalesce(cancel_by, $2),
         finished_at = case when claimed_at is null then clock_timestamp() end,
         outcome = case when claimed_at is null then 'Canceled' end,
         error_reason = case when claimed_at is null then 'BuildCanceled' end,
         error = case when claimed_at is null then 'Canceled by ' || $2 || ' before it began.' end
       where id = $1 and finished_at is null
       returning *
     ), told as (
       select pg_notify('bothy_keys', subject_key), pg_notify('bothy_jobs', '') from canceled
     )
     select ${JOB_COLUMNS} from canceled, told
     union all
     select ${JOB_COLUMNS} from jobs where id = $1 and finished_at is not null`,
    [jobId, by],
  )
  return rows[0] ? jobOf(rows[0]) : null
}
