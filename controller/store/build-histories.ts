import { JOB_COLUMNS, JOB_INSTANTS, jobOf, type JobColumns } from './job-rows.ts'
import type { Question } from './questions.ts'
import type { Job, PlanRow } from './records.ts'

/** What was done for a workspace, as far as rules judge by it. */
export interface History {
  /** The newest, newest first, and the newest succeeded start even where it is older. */
  readonly builds: readonly Job[]
  readonly look: Job | null
  readonly plan: PlanRow | null
}

export const NO_HISTORY: History = { builds: [], look: null, plan: null }

interface Row extends JobColumns {
  readonly approvedBy: string | null
}

/** So many builds of each. Who has no history is not in the answer. */
export const histories = (builds: number): Question<Row, ReadonlyMap<string, History>> => ({
  text: `with picked as (
       select newest.id from unnest($1::text[]) as wanted (uid)
         cross join (values ('build', ${builds}), ('look', 1), ('plan', 1)) as kinds (kind, most) cross join lateral (
         select id from jobs where subject_uid = wanted.uid and jobs.kind = kinds.kind order by id desc limit kinds.most) as newest
       union
       select started.id from unnest($1::text[]) as wanted (uid) cross join lateral (
         select id from jobs where subject_uid = wanted.uid and kind = 'build' and transition = 'start' and outcome = 'Succeeded'
         order by id desc limit 1) as started
     )
     select ${JOB_COLUMNS}, approved_by as "approvedBy" from jobs left join plans on plans.job_id = jobs.id
     where id in (select id from picked) order by jobs.id desc`,
  instants: JOB_INSTANTS,
  int8s: ['id'],
  answer: (rows) => new Map([...Map.groupBy(rows, ({ subjectUid }) => subjectUid)].map(([uid, each]) => [uid, historyOf(each)])),
})

function historyOf(rows: readonly Row[]): History {
  const jobs = rows.map(({ approvedBy, ...row }) => ({ job: jobOf(row), approvedBy }))
  return {
    builds: jobs.flatMap(({ job }) => (job.kind === 'build' ? [job] : [])),
    look: jobs.find(({ job }) => job.kind === 'look')?.job ?? null,
    plan: jobs.find(({ job }) => job.kind === 'plan') ?? null,
  }
}
