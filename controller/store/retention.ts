import { removeEvents } from './events.ts'
import type { Db } from './pool.ts'

/**
 * How long things are kept: the one table. What would be missed is written as what stays; `$1` is the present instant, so
 * that a test may say when it is, `$2` the versions that somebody outside of this database uses.
 */
interface Keeping {
  readonly table: string
  readonly keeps: string
  /** Of a row of `table`: may go. */
  readonly gone: string
}

/** The newest builds of a workspace are what its object's status tells of. */
const BUILDS_KEPT = 50
const STATES_KEPT = 10
const VERSIONS_KEPT = 20
const CHANGES_KEPT = 10_000
const PASTS_KEPT = 10_000

const older = (column: string, than: string) => `${column} < to_timestamp($1 / 1000.0) - interval '${than}'`

/** The workspace is deleted and nothing is left of it: its newest build destroyed it. (`objects` alone would not do: in a cluster it is empty.) */
const ended = (uid: string) => `not exists (select from objects where objects.uid = ${uid}) and (
  select transition = 'destroy' and outcome is not distinct from 'Succeeded' from jobs newest
  where newest.subject_uid = ${uid} and newest.kind = 'build' order by newest.id desc limit 1)`

/** The build that says so goes last. */
const LAST_OF_ITS_SUBJECT = `kind = 'build' and not exists (
  select from jobs later where later.subject_uid = jobs.subject_uid and later.kind = 'build' and later.id > jobs.id)`
const ALONE = `not exists (select from jobs other where other.subject_uid = jobs.subject_uid and other.id <> jobs.id)`

/** Postgres reads no JSON that has a zero character anywhere: of such an object every mention counts. */
const names = (path: string, digest: string) => `case when position('\\u0000' in body::text) = 0
  then body #>> '{${path}}' = ${digest} else position('"' || ${digest} || '"' in body::text) > 0 end`

/** Somebody builds, or may build, with it: a kept build did, a workspace or the template itself names it, or it is the active one. */
const used = (
  row: string,
) => `${row}.digest = any($2) or exists (select from jobs where jobs.digest = ${row}.digest and jobs.kind not in ('import', 'preview'))
  or exists (select from objects where uid = ${row}.template_uid
    and (${names('spec,version,digest', `${row}.digest`)} or ${names('status,activeVersion,digest', `${row}.digest`)}))
  or exists (select from objects where kind = 'Workspace' and ${names('spec,template,digest', `${row}.digest`)})`

const keptOf = (row: string) => `coalesce((select case when position('\\u0000' in body::text) = 0
  then (body #>> '{spec,retention,versions}')::int end from objects where uid = ${row}.template_uid), ${VERSIONS_KEPT})`

export const KEEPING: readonly Keeping[] = [
  {
    table: 'kept_values',
    keeps: 'as long as a job that is kept names them, and a day',
    gone: `${older('used_at', '1 day')} and not exists (select from jobs where position(kept_values.token in jobs.input::text) > 0)`,
  },
  {
    table: 'job_logs',
    keeps: '7 days, and those of the newest build of a workspace',
    gone: `${older('job_logs.at', '7 days')} and exists (
      select from jobs mine join jobs later
        on later.subject_uid = mine.subject_uid and later.kind = 'build' and later.id > mine.id and later.finished_at is not null
      where mine.id = job_logs.job_id and mine.finished_at is not null
      union all select from jobs mine where mine.id = job_logs.job_id and mine.kind <> 'build' and mine.finished_at is not null)`,
  },
  {
    table: 'jobs',
    keeps: `30 days (looks one, previews an hour), the newest ${BUILDS_KEPT} of each kind of a workspace that is not gone or template, and the newest start that succeeded`,
    gone: `kind = 'preview' and ${older('queued_at', '1 hour')} or finished_at is not null and (${older('finished_at', '30 days')}
      or kind = 'look' and ${older('finished_at', '1 day')}) and (${ended('jobs.subject_uid')} and (
      not (${LAST_OF_ITS_SUBJECT}) or ${ALONE}) or not (
      kind = 'build' and transition = 'start' and outcome = 'Succeeded' and not exists (
        select from jobs later where later.subject_uid = jobs.subject_uid and later.kind = 'build' and later.id > jobs.id
          and later.transition = 'start' and later.outcome = 'Succeeded')) and (
      select count(*) from (
        select from jobs later where later.subject_uid = jobs.subject_uid and later.kind = jobs.kind and later.id > jobs.id
        limit ${BUILDS_KEPT}) as newer) >= ${BUILDS_KEPT})`,
  },
  {
    table: 'plans',
    keeps: 'until an hour after another plan or a build of the workspace ended: nobody can agree to it any more',
    gone: `exists (select from jobs later where later.subject_uid = plans.workspace_uid and later.kind in ('build', 'plan')
      and later.id > plans.job_id and ${older('later.finished_at', '1 hour')})`,
  },
  {
    table: 'states',
    keeps: `7 days, and the newest ${STATES_KEPT} of a workspace that is not gone`,
    gone: `${older('kept_at', '7 days')} and (${ended('states.workspace_uid')} or (
      select count(*) from (
        select from states later where later.workspace_uid = states.workspace_uid and later.id > states.id
        limit ${STATES_KEPT}) as newer) >= ${STATES_KEPT})`,
  },
  {
    table: 'versions',
    keeps: `1 day, as many unused ones of a template as it says (else ${VERSIONS_KEPT}), and those that a kept build, a template or a workspace names`,
    gone: `${older('known_at', '1 day')} and not (${used('versions')}) and (
      select count(*) from (
        select from versions later where later.template_uid = versions.template_uid
          and (later.known_at, later.digest) > (versions.known_at, versions.digest) and not (${used('later')})
        limit ${keptOf('versions')}) as newer) >= ${keptOf('versions')}`,
  },
  {
    table: 'template_files',
    keeps: '1 day, and those of kept versions and jobs',
    gone: `${older('kept_at', '1 day')}
      and not exists (select from versions where versions.digest = template_files.digest)
      and not exists (select from jobs where jobs.digest = template_files.digest and (jobs.kind <> 'import' or jobs.finished_at is null))`,
  },
  {
    table: 'activity',
    keeps: '30 days, and the newest of each kind of a workspace for a year',
    gone: `${older('until_at', '30 days')} and (${older('until_at', '1 year')} or exists (
      select from activity later where later.workspace_uid = activity.workspace_uid and later.kind = activity.kind
        and later.until_at > activity.until_at))`,
  },
  { table: 'provisioners', keeps: '7 days after it was last seen', gone: older('last_seen_at', '7 days') },
  { table: 'events', keeps: '24 hours', gone: older('last_at', '24 hours') },
  {
    table: 'object_changes',
    keeps: `1 hour, and at most the newest ${CHANGES_KEPT}`,
    gone: `${older('at', '1 hour')} or version <= (select version from object_changes order by version desc offset ${CHANGES_KEPT} limit 1)`,
  },
  {
    table: 'past_objects',
    keeps: `10 minutes, for lists that are read page by page, and at most the newest ${PASTS_KEPT}`,
    gone: `${older('at', '10 minutes')} or until <= (select until from past_objects order by until desc offset ${PASTS_KEPT} limit 1)`,
  },
  { table: 'audit', keeps: '90 days', gone: older('at', '90 days') },
  { table: 'tokens', keeps: 'until it is revoked, or 90 days after its end', gone: older('expires_at', '90 days') },
  { table: 'ended_passes', keeps: 'as long as what they ended would have counted', gone: older('until_at', '1 minute') },
]

/** Small enough that nobody waits for it, few enough that one call ends soon; the next call goes on. */
const BATCH_ROWS = 2_000
const BATCHES_MAX = 50
/** Each is a change too, and whoever writes anything meanwhile waits for the version that it takes. */
const EVENTS_BATCH_ROWS = 200
/** So that of the changes that are kept most are of what people wrote: others would go for these, and watchers list all anew. */
const EVENTS_BATCHES_MAX = 10

/** Answers how many rows went from each table that lost some. `now` is the database's. */
/** `inUse`: versions that objects name which are not in this database but in a cluster. */
export async function prune(db: Db, now: number, inUse: readonly string[] = []): Promise<Readonly<Record<string, number>>> {
  const counts: Record<string, number> = {}
  for (const { table, gone } of KEEPING) {
    const count = await pruneTable(db, table, gone, gone.includes('$2') ? [now, inUse] : [now])
    if (count > 0) counts[table] = count
  }
  return counts
}

async function pruneTable(db: Db, table: string, gone: string, values: readonly unknown[]): Promise<number> {
  const [rows, batches, removed] =
    table === 'events' ? [EVENTS_BATCH_ROWS, EVENTS_BATCHES_MAX, removeEvents] : [BATCH_ROWS, BATCHES_MAX, removedFrom(table)]
  const next = `ctid = any(array(select ctid from ${table} where ${gone} limit ${rows}))`
  let total = 0
  for (let batch = 0; batch < batches; batch += 1) {
    const count = await removed(db, next, values)
    total += count
    if (count < rows) break
  }
  return total
}

const removedFrom = (table: string) => async (db: Db, gone: string, values: readonly unknown[]) => {
  const [row] = await db.query<{ count: string }>(
    `with pruned as (delete from ${table} where ${gone} returning 1) select count(*) from pruned`,
    values,
  )
  return Number(row?.count ?? 0)
}
