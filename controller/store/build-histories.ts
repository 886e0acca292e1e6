import { JOB_COLUMNS, jobOf, type JobColumns } from './job-rows.ts'
import type { Db } from './pool.ts'
import type { Job } from './records.ts'

/** The newest builds of many workspaces in one query, newest first, and the newest succeeded start even where it is older. */
export async function buildHistoriesOf(
  db: Db,
  workspaceUids: readonly string[],
  each: number,
): Promise<ReadonlyMap<string, readonly Job[]>> {
  const rows = await db.query<JobColumns>(
    `with picked as (
       select newest.id from unnest($1::text[]) as wanted (uid) cross join lateral (
         select id from jobs where subject_uid = wanted.uid and kind = 'build' order by id desc limit $2) as newest
       union
       select started.id from unnest($1::text[]) as wanted (uid) cross join lateral (
         select id from jobs where subject_uid = wanted.uid and kind = 'build' and transition = 'start' and outcome = 'Succeeded'
         order by id desc limit 1) as started
     )
     select ${JOB_COLUMNS} from jobs where id in (select id from picked) order by jobs.id desc`,
    [workspaceUids, each],
  )
  return Map.groupBy(rows.map(jobOf), (job) => job.subject.uid)
}

/** The newest look at each workspace that was looked at, by uid. */
export async function newestLooksOf(db: Db, workspaceUids: readonly string[]): Promise<ReadonlyMap<string, Job>> {
  const rows = await db.query<JobColumns>(
    `select newest.* from unnest($1::text[]) as wanted (uid)
     cross join lateral (
       select ${JOB_COLUMNS} from jobs where subject_uid = wanted.uid and kind = 'look' order by id desc limit 1) as newest`,
    [workspaceUids],
  )
  return new Map(rows.map((row) => [row.subjectUid, jobOf(row)]))
}
