import { beforeEach, expect, test } from 'vitest'
import { databaseNow } from '../../controller/store/pool.ts'
import { prune } from '../../controller/store/retention.ts'
import { withDatabase } from '../support/postgres.ts'

const { db } = await withDatabase()
beforeEach(async () => {
  await db.query('truncate jobs, states, versions, template_files, provisioners, audit, agents, object_changes cascade')
})

/** Finished builds of a workspace, the newest today, each before it `daysApart` older. */
const builds = (workspace: string, count: number, daysApart: number) =>
  db.query(
    `insert into jobs (kind, subject_uid, subject_namespace, subject_name, number, transition, digest, reason, initiator, class, labels,
       queued_at, finished_at, outcome)
     select 'build', $1, 'default', 'dev', n, 'start', 'sha256:' || n, 'Requested', 'ada', 'person', '{}', at, at, 'Succeeded'
     from generate_series(1, $2::int) as n, lateral (select clock_timestamp() - ($2 - n) * $3::int * interval '1 day') as times (at)
     order by n`,
    [workspace, count, daysApart],
  )
const numbers = async (sql: string) => (await db.query<{ n: number }>(sql)).map(({ n }) => n)
const pruned = async () => prune(db, await databaseNow(db))

test('a settled system loses nothing', async () => {
  await builds('one', 3, 1)
  expect(await pruned()).toEqual({})
})

const others = (workspace: string, kind: 'look' | 'plan', count: number, days: number) =>
  db.query(
    `insert into jobs (kind, subject_uid, subject_namespace, subject_name, digest, reason, initiator, class, labels, queued_at, finished_at, outcome)
     select $2, $1, 'default', 'dev', 'd', 'DriftLook', 'bothy', 'background', '{}', at, at, 'Succeeded'
     from generate_series(1, $3::int), lateral (select clock_timestamp() - $4::int * interval '1 day') as times (at) returning id`,
    [workspace, kind, count, days],
  )

test('looks: a day, and the newest fifty of a workspace', async () => {
  await others('often', 'look', 70, 2)
  await others('lately', 'look', 70, 0)
  expect(await pruned()).toEqual({ jobs: 20 })
})

test('plans: the newest of a workspace, until it was built after', async () => {
  for (const workspace of ['waits', 'built']) {
    await others(workspace, 'plan', 2, 1)
    await db.query(
      `insert into plans (job_id, workspace_uid, sealed) select id, $1, 'x' from jobs where subject_uid = $1 and kind = 'plan'`,
      [workspace],
    )
  }
  await builds('built', 2, 1)
  expect(await pruned()).toEqual({ plans: 3 })
  expect(await db.query('select workspace_uid as uid from plans')).toEqual([{ uid: 'waits' }])
})

test('states: the newest ten of each workspace, and all of a week', async () => {
  await db.query(
    `insert into states (workspace_uid, job_id, sealed, kept_at)
     select workspace, n, 'x', clock_timestamp() - (20 - n) * interval '1 day' from generate_series(1, 20) as n, unnest(array['a', 'b']) as workspace
     order by n`,
  )
  await db.query(`insert into states (workspace_uid, job_id, sealed, kept_at) values ('old', 1, 'x', '2020-01-01')`)
  expect(await pruned()).toEqual({ states: 20 })
  expect(await numbers(`select job_id::int as n from states where workspace_uid = 'a' order by id`)).toEqual([
    11, 12, 13, 14, 15, 16, 17, 18, 19, 20,
  ])
  expect(await numbers(`select job_id::int as n from states where workspace_uid = 'old'`)).toEqual([1])
})

test('logs: a week, and of the newest build of a workspace for ever', async () => {
  await builds('dev', 3, 10)
  await db.query(
    `insert into job_logs (job_id, at, stage, level, text) select id, finished_at - interval '8 days', '', 'info', number::text from jobs`,
  )
  expect(await pruned()).toEqual({ job_logs: 2 })
  expect(await db.query('select text from job_logs')).toEqual([{ text: '3' }])
})

test('jobs: a month, and the newest fifty of a workspace; never an unfinished one', async () => {
  await builds('dev', 60, 2)
  await db.query(
    `insert into jobs (kind, subject_uid, subject_namespace, subject_name, digest, reason, initiator, class, labels, queued_at)
     values ('look', 'dev', 'default', 'dev', 'd', 'MachineLost', 'bothy', 'background', '{}', '2020-01-01')`,
  )
  expect(await pruned()).toEqual({ jobs: 10 })
  expect((await numbers(`select number as n from jobs where kind = 'build' order by number`))[0]).toBe(11)
  expect(await numbers(`select count(*)::int as n from jobs where kind = 'look'`)).toEqual([1])
})

test('jobs: the newest start that succeeded is kept behind any number of failed stops', async () => {
  await builds('dev', 70, 2)
  await db.query(`update jobs set transition = 'stop', outcome = 'Failed' where number > 3`)
  expect(await pruned()).toEqual({ jobs: 19 })
  expect((await numbers(`select number as n from jobs order by number`)).slice(0, 2)).toEqual([3, 21])
})

test('of a workspace that is deleted and destroyed nothing stays for ever; one that is there, or was not destroyed, keeps its own', async () => {
  for (const workspace of ['gone', 'there', 'failed']) {
    await builds(workspace, 3, 1)
    await db.query(`insert into states (workspace_uid, job_id, sealed) select $1, id, 'x' from jobs where subject_uid = $1`, [workspace])
  }
  await db.query(`update jobs set transition = 'destroy' where number = 3`)
  await db.query(`update jobs set outcome = 'Failed' where number = 3 and subject_uid = 'failed'`)
  await db.query(
    `insert into objects (kind, namespace, name, uid, version, body) values ('Workspace', 'default', 'there', 'there', 1, '{}') on conflict do nothing`,
  )
  await db.query(`update jobs set finished_at = finished_at - interval '31 days'`)
  await db.query(`update states set kept_at = kept_at - interval '31 days'`)
  expect(await pruned()).toEqual({ states: 3, jobs: 2 })
  expect(await pruned()).toEqual({ jobs: 1 })
  expect(await db.query(`select subject_uid as uid, count(*)::int as n from jobs group by 1 order by 1`)).toEqual([
    { uid: 'failed', n: 3 },
    { uid: 'there', n: 3 },
  ])
  expect(await db.query(`select distinct workspace_uid as uid from states order by 1`)).toEqual([{ uid: 'failed' }, { uid: 'there' }])
})

test('versions: the newest twenty of a template and those a build used; then their files', async () => {
  await db.query(
    `insert into versions (template_uid, digest, known_at)
     select 't', 'sha256:' || n, clock_timestamp() - (30 - n) * interval '1 day' from generate_series(1, 30) as n`,
  )
  await db.query(
    `insert into template_files (digest, files, kept_at)
     select 'sha256:' || n, '[]', clock_timestamp() - (40 - n) * interval '1 day' from generate_series(1, 40) as n`,
  )
  await builds('dev', 2, 1)
  expect(await pruned()).toEqual({ versions: 8, template_files: 17 })
  const kept = [1, 2, ...Array.from({ length: 20 }, (_, i) => i + 11)]
  const digest = `substring(digest from 8)::int as n`
  expect(await numbers(`select ${digest} from versions order by 1`)).toEqual(kept)
  // Beside those of kept versions: what was declared in the last day and is not imported yet.
  expect(await numbers(`select ${digest} from template_files order by 1`)).toEqual([...kept, 40])
})

test('versions: as many unused ones as their template says, and whatever a template or a workspace names', async () => {
  await db.query(
    `insert into versions (template_uid, digest, known_at)
     select 't', 'sha256:' || n, clock_timestamp() - (30 - n) * interval '1 day' from generate_series(1, 20) as n`,
  )
  const object = (kind: string, uid: string, body: object) =>
    db.query(`insert into objects (kind, namespace, name, uid, version, body) values ($1, 'default', $2, $2, 1, $3)`, [
      kind,
      uid,
      JSON.stringify(body),
    ])
  await object('Template', 't', {
    spec: { retention: { versions: 2 }, version: { policy: 'Pinned', digest: 'sha256:3' } },
    status: { activeVersion: { digest: 'sha256:5' } },
  })
  await object('Workspace', 'w', { spec: { template: { name: 't', digest: 'sha256:7' } }, note: '\u0000' })
  expect(await pruned()).toEqual({ versions: 15 })
  expect(await numbers(`select substring(digest from 8)::int as n from versions order by 1`)).toEqual([3, 5, 7, 19, 20])
})

test('previews are forgotten after an hour, answered or not', async () => {
  await db.query(`insert into jobs (kind, subject_uid, subject_namespace, subject_name, digest, reason, initiator, class, labels, queued_at)
    select 'preview', 't', 'default', 't', 'sha256:1', 'Handled', 'ada', 'person', '{}', clock_timestamp() - minutes * interval '1 minute' from unnest(array[59, 61]) as minutes`)
  expect(await pruned()).toEqual({ jobs: 1 })
})

test('audit, events and provisioners go by their age', async () => {
  await db.query(`insert into audit (at, actor, action, subject, origin, detail)
    select clock_timestamp() - days * interval '1 day', 'ada', 'exec', 'Workspace/default/dev', 'cli', '{}' from unnest(array[1, 89, 91]) as days`)
  await db.query(`insert into provisioners (id, name, labels, version, capacity, isolation, last_seen_at)
    select days::text, 'p', '{}', '1', 1, 'none', clock_timestamp() - days * interval '1 day' from unnest(array[1, 8]) as days`)
  await db.query(`insert into events (uid, namespace, name, version, regarding, type, reason, note, count, last_at, body)
    select h::text, 'default', h::text, 1, 'x', 'Normal', 'Created', '', 1, clock_timestamp() - h * interval '1 hour', '{}' from unnest(array[23, 25]) as h`)
  expect(await pruned()).toEqual({ audit: 1, events: 1, provisioners: 1 })
})

test('changes of objects: an hour, and the newest ten thousand', async () => {
  await db.query(`insert into object_changes (version, kind, type, body, at)
    select n, 'Owner', 'MODIFIED', '{}', clock_timestamp() - case when n <= 5 then interval '2 hours' else interval '0' end
    from generate_series(1, 10020) as n`)
  expect(await pruned()).toEqual({ object_changes: 20 })
  expect(await db.query('select min(version) as least, (select oldest from object_version) as oldest from object_changes')).toEqual([
    { least: '21', oldest: '20' },
  ])
})

test('changes that people made stay when many events go at once', async () => {
  await db.query(`insert into events (uid, namespace, name, version, regarding, type, reason, note, count, last_at, body)
    select 'flood-' || n, 'flood', n::text, 1, 'x', 'Normal', 'Created', '', 1, clock_timestamp() - interval '25 hours', '{}'
    from generate_series(1, 11000) as n`)
  await db.query('update object_version set version = 8000')
  await db.query(
    `insert into object_changes (version, kind, type, body) select n, 'Owner', 'MODIFIED', '{}' from generate_series(1, 8000) as n`,
  )
  expect(await pruned()).toEqual({ events: 2_000 })
  expect(await db.query('select count(*)::int as n from object_changes group by kind order by kind')).toEqual([{ n: 2_000 }, { n: 8_000 }])
  await db.query(`delete from events where namespace = 'flood'`)
})

test('what objects were, for lists that go on: ten minutes, and the newest ten thousand', async () => {
  await db.query(`insert into past_objects (kind, namespace, name, version, until, body, at)
    select 'Owner', '', n::text, n, n + 1, '{}', clock_timestamp() - case when n <= 5 then interval '11 minutes' else interval '9 minutes' end
    from generate_series(1, 10020) as n`)
  expect(await pruned()).toEqual({ past_objects: 20 })
  expect(await db.query('select min(until) as least, (select past_from from object_version) as "from" from past_objects')).toEqual([
    { least: '22', from: '21' },
  ])
})
