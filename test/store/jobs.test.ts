import { beforeEach, describe, expect, test } from 'vitest'
import { histories } from '../../controller/store/build-histories.ts'
import {
  buildsOf,
  claimJob,
  finishJob,
  intentOf,
  jobById,
  jobsInFlight,
  lostClaims,
  newestImportOf,
  newestLook,
  queueBuild,
  queueImport,
  queueLook,
  reapJobs,
  recordIntent,
  releaseClaim,
  renewClaim,
  requestCancel,
  startJob,
  takeOver,
  type Outcome,
} from '../../controller/store/jobs.ts'
import { appendLogs, JOB_LOG_BYTES_MAX, readLogs } from '../../controller/store/logs.ts'
import { keptDigests } from '../../controller/store/provider-locks.ts'
import { heartbeatProvisioner, listProvisioners, withdrawProvisioner } from '../../controller/store/provisioners.ts'
import { answersTo } from '../../controller/store/questions.ts'
import { newestState } from '../../controller/store/states.ts'
import { versionOf } from '../../controller/store/versions.ts'
import { withDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'
import { claimed, newBuild, newJob, queued } from './samples.ts'

const { db } = await withDatabase()

beforeEach(async () => {
  await db.query('truncate jobs, states, versions, provisioners, agents cascade')
})

const succeeded: Outcome = { phase: 'Succeeded', reason: null, error: null, state: null, agents: null, result: {} }
/** As if the time of this job's columns were `ago` earlier. */
const longAgo = (id: string, ...columns: readonly string[]) =>
  db.query(`update jobs set ${columns.map((column) => `${column} = ${column} - interval '1 hour'`).join(', ')} where id = $1`, [id])

const row = (id: string, labels = {}) => ({ id, name: id, labels, version: '1', capacity: 2, isolation: 'none' })
const line = (text: string) => ({ at: 1_795_244_042_562, stage: 'Planning', level: 'info' as const, text })

describe('the queue', () => {
  test('a build is queued once, with everything it was given', async () => {
    const build = newBuild('dev', { labels: { zone: 'a' }, requestUid: 'request-1' })
    const answer = await queueBuild(db, build)
    expect(answer).toMatchObject({ queued: true })
    const [job] = await buildsOf(db, 'uid-dev', 10)
    expect(job).toEqual({
      ...build,
      id: expect.stringMatching(/^\d+$/),
      kind: 'build',
      phase: 'Queued',
      queuedAt: expect.any(Number),
      claimedAt: null,
      startedAt: null,
      finishedAt: null,
      cancelRequestedAt: null,
      cancelBy: null,
      errorReason: null,
      error: null,
      provisionerId: null,
      result: null,
    })
  })

  test('a workspace has one unfinished build, and a number is used once', async () => {
    await queued(db, 'dev', { number: 1 })
    expect(await queueBuild(db, newBuild('dev', { number: 2 }))).toEqual({ queued: false, why: 'BuildInProgress' })
    await finishJob(db, await claimed(db), succeeded)
    expect(await queueBuild(db, newBuild('dev', { number: 1 }))).toEqual({ queued: false, why: 'NumberTaken' })
    expect(await queueBuild(db, newBuild('dev', { number: 2 }))).toMatchObject({ queued: true })
  })

  test('of many that queue the same build at once one does', async () => {
    const answers = await Promise.all(Array.from({ length: 8 }, () => queueBuild(db, newBuild('dev'))))
    expect(answers.filter((answer) => answer.queued)).toHaveLength(1)
    expect(answers.filter((answer) => !answer.queued && answer.why === 'BuildInProgress')).toHaveLength(7)
  })

  test('an import of one digest is in flight once', async () => {
    const first = await queueImport(db, newJob('process', { digest: 'sha256:a' }))
    expect(first).toMatchObject({ kind: 'import', number: null, phase: 'Queued' })
    expect(await queueImport(db, newJob('process', { digest: 'sha256:a' }))).toBeNull()
    expect(await queueImport(db, newJob('process', { digest: 'sha256:b' }))).toMatchObject({ phase: 'Queued' })
    expect(await newestImportOf(db, 'uid-process', 'sha256:a')).toEqual(first)
  })

  test('nobody looks twice, nor while a build is in flight', async () => {
    const look = await queueLook(db, newJob('dev'))
    expect(look).toMatchObject({ kind: 'look' })
    expect(await queueLook(db, newJob('dev'))).toBeNull()
    expect(await newestLook(db, 'uid-dev')).toEqual(look)
    await queued(db, 'other')
    expect(await queueLook(db, newJob('other'))).toBeNull()
  })

  test('a queue told in a transaction that fails never was', async () => {
    await expect(
      db.transaction(async (tx) => {
        await queueBuild(tx, newBuild('dev'))
        throw new Error('cut')
      }),
    ).rejects.toThrow('cut')
    expect(await buildsOf(db, 'uid-dev', 10)).toEqual([])
  })

  test('the newest builds and looks of many workspaces are one question, with the newest start that succeeded', async () => {
    const start = await queued(db, 'a', { number: 1 })
    await finishJob(db, await claimed(db), succeeded)
    for (const number of [2, 3]) {
      await queued(db, 'a', { number, transition: 'stop' })
      await finishJob(db, await claimed(db), { ...succeeded, phase: 'Failed' })
    }
    await queued(db, 'b')
    const look = await queueLook(db, newJob('a'))
    const { asked } = await answersTo(db, { asked: histories(1) }, ['uid-a', 'uid-b', 'uid-none'])
    const told = [...asked].map(([uid, { builds }]) => [uid, builds.map((job) => job.number)])
    expect(Object.fromEntries(told)).toEqual({ 'uid-a': [3, start.number], 'uid-b': [1] })
    expect(asked.get('uid-a')).toMatchObject({ look, plan: null })
    expect(asked.get('uid-a')?.builds).toEqual([(await buildsOf(db, 'uid-a', 1))[0], await jobById(db, start.id)])
  })
})

describe('claims', () => {
  test('a person goes before a chat, before the clock, before background work; then the oldest', async () => {
    await queued(db, 'd', { class: 'background' })
    await queued(db, 'c', { class: 'clock' })
    await queued(db, 'b', { class: 'chat' })
    await queued(db, 'a', { class: 'person' })
    await queued(db, 'a2', { class: 'person' })
    const order: string[] = []
    for (let i = 0; i < 5; i += 1) order.push((await claimed(db)).job.subject.name)
    expect(order).toEqual(['a', 'a2', 'b', 'c', 'd'])
  })

  test('a provisioner takes only jobs whose labels it has', async () => {
    await queued(db, 'dev', { labels: { zone: 'b' } })
    expect(await claimJob(db, { provisionerId: 'p1', labels: { zone: 'a' }, leaseMs: 1000 })).toBeNull()
    expect(await claimJob(db, { provisionerId: 'p1', labels: { zone: 'b', gpu: 'yes' }, leaseMs: 1000 })).toMatchObject({
      epoch: 1,
      provisionerId: 'p1',
      job: { phase: 'Running', provisionerId: 'p1' },
    })
  })

  test('two hundred jobs and eight claimers: each is claimed by one and ended once', async () => {
    await Promise.all(Array.from({ length: 200 }, (_, i) => queued(db, `w${i}`)))
    const work = async (provisionerId: string): Promise<string[]> => {
      const mine: string[] = []
      for (;;) {
        const claim = await claimJob(db, { provisionerId, labels: {}, leaseMs: 10_000 })
        if (!claim) return mine
        if (await finishJob(db, claim, succeeded)) mine.push(claim.job.id)
      }
    }
    const done = (await Promise.all(Array.from({ length: 8 }, (_, i) => work(`p${i}`)))).flat()
    expect(done).toHaveLength(200)
    expect(new Set(done).size).toBe(200)
    expect(await db.query(`select phase, max(epoch) as epoch, count(*) from jobs group by phase`)).toEqual([
      { phase: 'Succeeded', epoch: 1, count: '200' },
    ])
  })

  test('a claim that is over writes nothing, whatever its former holder tries', async () => {
    const job = await queued(db, 'dev')
    const old = await claimed(db, 'p1')
    await longAgo(job.id, 'lease_until')
    const [lost] = await lostClaims(db, null)
    expect(lost?.id).toBe(job.id)
    const taken = await takeOver(db, job.id, 'p2', 10_000)
    expect(taken).toMatchObject({ epoch: 2, provisionerId: 'p2' })
    expect(await takeOver(db, job.id, 'p3', 10_000)).toBeNull()

    expect(await renewClaim(db, old, 10_000, true)).toEqual({ held: false, cancelRequested: false })
    expect(await startJob(db, old)).toBe(false)
    expect(await recordIntent(db, old, { host: 'h', folder: 'f', creates: [] })).toBe(false)
    expect(await appendLogs(db, old, [{ at: 1, stage: 'Planning', level: 'info', text: 'late' }])).toBe(false)
    expect(await releaseClaim(db, old)).toBe(false)
    expect(await finishJob(db, old, { ...succeeded, state: Buffer.from('late') })).toBe(false)
    expect(await newestState(db, 'uid-dev')).toBeNull()
    expect(await readLogs(db, job.id, null, 10)).toEqual([])
    expect(await jobById(db, job.id)).toMatchObject({ phase: 'Running', provisionerId: 'p2', startedAt: null })
  })

  test('a lease that ran out is over even when nobody took it', async () => {
    await queued(db, 'dev')
    const claim = await claimed(db, 'p1', 1)
    await until('the lease to end by the clock of the database', async () => (await lostClaims(db, 'p1')).length > 0)
    expect(await renewClaim(db, claim, 10_000, true)).toEqual({ held: false, cancelRequested: false })
  })

  test('a claim given back before terraform began is for somebody else; after, it is not', async () => {
    const job = await queued(db, 'dev')
    const first = await claimed(db, 'p1')
    expect(await releaseClaim(db, first)).toBe(true)
    expect(await jobById(db, job.id)).toMatchObject({ phase: 'Queued', provisionerId: null, startedAt: null })
    const second = await claimed(db, 'p2')
    expect(second.epoch).toBe(2)
    expect((await jobsInFlight(db)).map((each) => each.id)).toEqual([job.id])
    const intent = { host: 'laptop', folder: '/builds/1', pid: 12, pidStartedAt: '99', creates: [{ type: 'bothy_process', name: 'main' }] }
    expect(await recordIntent(db, second, intent)).toBe(true)
    expect(await intentOf(db, job.id)).toEqual(intent)
    expect(await releaseClaim(db, second)).toBe(false)
  })

  test('what happens to a job is told to whoever looks at its workspace', async () => {
    const heard: string[] = []
    const stop = await db.listen(
      'bothy_keys',
      (key) => heard.push(key),
      () => {},
    )
    await queued(db, 'dev')
    const claim = await claimed(db)
    await startJob(db, claim)
    await finishJob(db, claim, succeeded)
    await until('claim, start and end', () => heard.length >= 3)
    expect(heard).toEqual(['Workspace/default/dev', 'Workspace/default/dev', 'Workspace/default/dev'])
    await stop()
  })
})

describe('cancel', () => {
  test('a queued job is canceled at once', async () => {
    const { id } = await queued(db, 'dev')
    expect(await requestCancel(db, id, 'ada')).toMatchObject({
      phase: 'Canceled',
      cancelBy: 'ada',
      errorReason: 'BuildCanceled',
      error: 'Canceled by ada before it began.',
    })
    expect(await claimJob(db, { provisionerId: 'p1', labels: {}, leaseMs: 1000 })).toBeNull()
  })

  test('the holder of a running job is told at its next renewal, and the first who asked is kept', async () => {
    const { id } = await queued(db, 'dev')
    const claim = await claimed(db)
    expect(await renewClaim(db, claim, 10_000, true)).toEqual({ held: true, cancelRequested: false })
    expect(await requestCancel(db, id, 'ada')).toMatchObject({ phase: 'Canceling', finishedAt: null })
    expect(await requestCancel(db, id, 'bob')).toMatchObject({ phase: 'Canceling', cancelBy: 'ada' })
    expect(await renewClaim(db, claim, 10_000, true)).toEqual({ held: true, cancelRequested: true })
  })

  test('a finished job stays as it ended, and one that never was is null', async () => {
    const { id } = await queued(db, 'dev')
    await finishJob(db, await claimed(db), succeeded)
    expect(await requestCancel(db, id, 'ada')).toMatchObject({ phase: 'Succeeded', cancelBy: null })
    expect(await requestCancel(db, '999999', 'ada')).toBeNull()
  })
})

describe('outcomes', () => {
  test('an import leaves its version', async () => {
    await queueImport(db, newJob('process', { digest: 'sha256:a' }))
    const version = {
      ok: true,
      parameters: [],
      presets: [{ name: 'big', default: true, description: '', parameters: { size: '4' } }],
      facts: null,
      error: null,
    }
    expect(await finishJob(db, await claimed(db), { ...succeeded, version })).toBe(true)
    expect(await versionOf(db, 'uid-process', 'sha256:a')).toEqual({
      digest: 'sha256:a',
      templateUid: 'uid-process',
      importedAt: expect.any(Number),
      failedAt: null,
      error: null,
      source: '',
      parameters: [],
      presets: version.presets,
      facts: null,
    })
  })

  test('a failed import says why, and a later one that succeeds takes it back', async () => {
    await queueImport(db, newJob('process'))
    const version = { ok: false, parameters: [], presets: [], facts: null, error: 'main.tf:3: no such thing' }
    await finishJob(db, await claimed(db), { ...succeeded, phase: 'Failed', reason: 'ImportFailed', error: 'no', version })
    expect(await versionOf(db, 'uid-process', 'sha256:one')).toMatchObject({
      importedAt: null,
      failedAt: expect.any(Number),
      error: version.error,
    })
    await queueImport(db, newJob('process'))
    await finishJob(db, await claimed(db), { ...succeeded, version: { ...version, ok: true, error: null } })
    expect(await versionOf(db, 'uid-process', 'sha256:one')).toMatchObject({ importedAt: expect.any(Number), failedAt: null, error: null })
  })

  test('a failed build keeps its state and its result too', async () => {
    const { id } = await queued(db, 'dev')
    const result = { resources: 3, orphans: ['bothy_process.main'] }
    await finishJob(db, await claimed(db), {
      ...succeeded,
      phase: 'Failed',
      reason: 'Interrupted',
      error: 'The provisioner died.',
      state: Buffer.from('sealed'),
      result,
    })
    expect(await newestState(db, 'uid-dev')).toEqual(Buffer.from('sealed'))
    expect(await jobById(db, id)).toMatchObject({ phase: 'Failed', errorReason: 'Interrupted', error: 'The provisioner died.', result })
  })

  test('an outcome that cannot be written whole is not written at all', async () => {
    const { id } = await queued(db, 'dev')
    const claim = await claimed(db)
    await db.query(`create function cut() returns trigger language plpgsql as $$ begin raise exception 'power cut'; end $$`)
    // The agents are the last thing of an outcome.
    await db.query('create trigger cut before update or delete on agents for each statement execute function cut()')
    await expect(finishJob(db, claim, { ...succeeded, state: Buffer.from('sealed'), agents: [] })).rejects.toThrow('power cut')
    await db.query('drop function cut cascade')
    expect(await newestState(db, 'uid-dev')).toBeNull()
    expect(await jobById(db, id)).toMatchObject({ phase: 'Running', finishedAt: null })
    expect(await finishJob(db, claim, { ...succeeded, state: Buffer.from('sealed'), agents: [] })).toBe(true)
    expect(await finishJob(db, claim, { ...succeeded, state: Buffer.from('twice') })).toBe(false)
    expect(await newestState(db, 'uid-dev')).toEqual(Buffer.from('sealed'))
  })
})

describe('the reaper', () => {
  test('a job that nobody could run for half an hour fails with NoProvisioner', async () => {
    const { id } = await queued(db, 'dev', { labels: { zone: 'b' } })
    await heartbeatProvisioner(db, row('p1', { zone: 'a' }))
    expect(await reapJobs(db)).toEqual([])
    await longAgo(id, 'queued_at')
    expect(await reapJobs(db)).toMatchObject([{ id, phase: 'Failed', errorReason: 'NoProvisioner' }])
  })

  test('a job that only waits its turn is left in peace', async () => {
    const { id } = await queued(db, 'dev')
    await heartbeatProvisioner(db, row('p1'))
    await longAgo(id, 'queued_at')
    expect(await reapJobs(db)).toEqual([])
  })

  test('a job whose provisioner is lost ends with its state kept', async () => {
    const { id } = await queued(db, 'dev')
    const claim = await claimed(db)
    await db.query(`insert into states (workspace_uid, job_id, sealed) values ('uid-dev', 1, 'before')`)
    await longAgo(id, 'progressed_at', 'lease_until')
    expect(await reapJobs(db)).toMatchObject([{ id, phase: 'Failed', errorReason: 'ProvisionerLost' }])
    expect(await finishJob(db, claim, { ...succeeded, state: Buffer.from('late') })).toBe(false)
    expect(await newestState(db, 'uid-dev')).toEqual(Buffer.from('before'))
  })

  test('a job that is held but does not move is canceled first, and taken away only when that does not help', async () => {
    const { id } = await queued(db, 'dev')
    const claim = await claimed(db)
    await longAgo(id, 'progressed_at')
    expect(await reapJobs(db)).toEqual([])
    expect(await jobById(db, id)).toMatchObject({ phase: 'Canceling', cancelBy: 'bothy' })
    expect(await renewClaim(db, claim, 10_000, false)).toEqual({ held: true, cancelRequested: true })
    await longAgo(id, 'progressed_at')
    expect(await reapJobs(db)).toMatchObject([{ id, errorReason: 'BuildTimeout' }])
    expect(await renewClaim(db, claim, 10_000, false)).toEqual({ held: false, cancelRequested: false })
  })

  test('a provisioner is news when it comes, comes back or goes, and not in between', async () => {
    const heard: string[] = []
    const stop = await db.listen(
      'bothy_keys',
      (key) => heard.push(key),
      () => {},
    )
    await heartbeatProvisioner(db, row('p1'))
    await heartbeatProvisioner(db, row('p1', { zone: 'a' }))
    expect(await listProvisioners(db)).toEqual([{ ...row('p1', { zone: 'a' }), lastSeenAt: expect.any(Number) }])
    await db.query(`update provisioners set last_seen_at = last_seen_at - interval '2 minutes'`)
    await heartbeatProvisioner(db, row('p1'))
    await withdrawProvisioner(db, 'p1')
    await withdrawProvisioner(db, 'p1')
    expect(await listProvisioners(db)).toEqual([])
    await db.notify('bothy_keys', 'end')
    await until('the end', () => heard.includes('end'))
    expect(heard).toEqual(['Provisioner//p1', 'Provisioner//p1', 'Provisioner//p1', 'end'])
    await stop()
  })
})

describe('logs', () => {
  test('lines come back in their order, and on from where a reader was', async () => {
    const { id } = await queued(db, 'dev')
    const claim = await claimed(db)
    expect(await appendLogs(db, claim, [line('one'), line('two')])).toBe(true)
    expect(await appendLogs(db, claim, [line('three \0 with a NUL')])).toBe(true)
    const rows = await readLogs(db, id, null, 10)
    expect(rows[0]).toEqual({ id: expect.any(String), jobId: id, agent: null, source: null, ...line('one') })
    expect(rows.map((row) => row.text)).toEqual(['one', 'two', 'three  with a NUL'])
    expect((await readLogs(db, id, rows[1]!.id, 10)).map((row) => row.text)).toEqual(['three  with a NUL'])
  })

  test('an agent may still say something to the log of a build that ended', async () => {
    const { id } = await queued(db, 'dev')
    await finishJob(db, await claimed(db), succeeded)
    expect(await appendLogs(db, id, [line('later')])).toBe(true)
    expect(await appendLogs(db, '999999', [line('nobody')])).toBe(false)
    expect((await readLogs(db, id, null, 10)).map((row) => row.text)).toEqual(['later'])
  })

  test('a log that is too long ends with one note', async () => {
    const { id } = await queued(db, 'dev')
    const claim = await claimed(db)
    await db.query('update jobs set log_bytes = $2 where id = $1', [id, JOB_LOG_BYTES_MAX - 3])
    expect(await appendLogs(db, claim, [line('fit')])).toBe(true)
    for (let i = 0; i < 3; i += 1) expect(await appendLogs(db, claim, [line('too much')])).toBe(true)
    expect((await readLogs(db, id, null, 10)).map((row) => row.text)).toEqual([
      'fit',
      'This log is longer than 10 MiB: the rest is left out.',
    ])
  })

  test('a line of a megabyte is cut', async () => {
    const { id } = await queued(db, 'dev')
    await appendLogs(db, await claimed(db), [line('x'.repeat(1024 * 1024))])
    const [row] = await readLogs(db, id, null, 10)
    expect(row?.text).toBe(`${'x'.repeat(16 * 1024)}… (cut)`)
  })
})

test('a job that nobody can tell the end of names everything it was about to make', async () => {
  const job = await queued(db, 'dev')
  await recordIntent(db, await claimed(db), { host: 'h', folder: '/f', creates: [], planned: ['docker_volume.home'] })
  await longAgo(job.id, 'lease_until', 'progressed_at')
  await reapJobs(db)
  expect(await jobById(db, job.id)).toMatchObject({ errorReason: 'ProvisionerLost', result: { orphans: ['docker_volume.home'] } })
})

test('what a version was built with is kept while somebody builds with it, files or not', async () => {
  const digest = 'sha256:gone'
  await queued(db, 'dev', { digest, transition: 'destroy' })
  expect([...(await keptDigests(db, [digest, 'sha256:never']))]).toEqual([digest])
  await finishJob(db, await claimed(db), succeeded)
  expect([...(await keptDigests(db, [digest]))]).toEqual([])
})
