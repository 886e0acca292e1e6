import type { ChildProcess } from 'node:child_process'
import { expect, test } from 'vitest'
import { jobById } from '../../controller/store/read-jobs.ts'
import type { Job } from '../../controller/store/records.ts'
import { withDatabase } from '../support/postgres.ts'
import { isSoak } from '../support/soak.ts'
import { until } from '../support/until.ts'
import { another } from './another.ts'
import { DATA } from './templates.ts'
import { createWorld, workspace } from './world.ts'

const { db, url } = await withDatabase()

const BUILDS = isSoak ? 400 : 200

/** Everything that happens to the claim of a job, written down by the database itself. */
const WITNESS = `
  create table witnessed (id bigint generated always as identity, job_id bigint, epoch int, provisioner text, what text, lease_over boolean);
  create function witness() returns trigger language plpgsql as $$
  begin
    if new.epoch <> old.epoch then
      insert into witnessed (job_id, epoch, provisioner, what, lease_over)
      values (new.id, new.epoch, new.provisioner_id, 'claimed', old.lease_until is null or old.lease_until <= clock_timestamp());
    end if;
    if old.finished_at is null and new.finished_at is not null then
      insert into witnessed (job_id, epoch, provisioner, what, lease_over)
      values (new.id, new.epoch, new.provisioner_id, 'ended', new.lease_until <= clock_timestamp());
    end if;
    if old.finished_at is not null and new is distinct from old then
      insert into witnessed (job_id, epoch, provisioner, what, lease_over) values (new.id, new.epoch, new.provisioner_id, 'changed after its end', true);
    end if;
    return new;
  end $$;
  create trigger witness after update on jobs for each row execute function witness()`

interface Witnessed {
  readonly job_id: string
  readonly epoch: number
  readonly provisioner: string
  readonly what: string
  readonly lease_over: boolean
}

/** Stops it between two transactions: whoever sleeps in one keeps its locks, and a test cannot wait until the server ends that. */
const putToSleep = (child: ChildProcess) =>
  until('it to sleep outside of a transaction', async () => {
    child.kill('SIGSTOP')
    const open = await db.query('select 1 from pg_stat_activity where application_name = $1 and xact_start is not null', [
      `crashing-${child.pid}`,
    ])
    if (open.length > 0) child.kill('SIGCONT')
    return open.length === 0
  })

test(
  `${BUILDS} builds over two provisioners, one asleep half-way: each is claimed by one at a time and ended once`,
  { timeout: 180_000 },
  async () => {
    const world = await createWorld(db)
    await db.query(WITNESS)
    const digest = await world.template(DATA)
    const builds = await Promise.all(Array.from({ length: BUILDS }, (_, i) => world.build(workspace(`w${i}`), digest)))
    const [sleeper] = await Promise.all([another({ world, url, how: 'fast' }), another({ world, url, how: 'fast' })])
    const ended = async () => {
      const [row] = await db.query<{ n: number }>('select count(*)::int as n from jobs where finished_at is not null')
      return row?.n ?? 0
    }
    await until('half of them to have ended', async () => (await ended()) >= BUILDS / 2, { limitMs: 90_000 })
    await putToSleep(sleeper)
    // Nobody waits for the end of its leases.
    const held = await db.query<{ id: string }>(
      `update jobs set lease_until = clock_timestamp()
       where claimed_at is not null and finished_at is null and provisioner_id = $1 returning id`,
      [`crashing-${sleeper.pid}`],
    )
    await until('all of them to have ended', async () => (await ended()) === BUILDS, { limitMs: 120_000 })
    const logs = () =>
      db.query<{ job_id: string; n: number }>('select job_id, count(*)::int as n from job_logs group by job_id order by job_id')
    const states = () => db.query<{ job_id: string }>('select job_id from states order by id')
    const before = [await logs(), await states()]
    const asleep = await Promise.all(held.map(({ id }) => jobById(db, id)))

    sleeper.kill('SIGCONT')
    // It is awake, and works again: it takes some of what comes now.
    const late: Job[] = []
    await until('the sleeper to work again', async () => {
      const two = await Promise.all([1, 2].map((n) => world.build(workspace(`late${late.length + n}`), digest)))
      const both = await Promise.all(two.map((job) => world.ended(job)))
      late.push(...both)
      return both.some(({ provisionerId }) => provisionerId === `crashing-${sleeper.pid}`)
    })
    expect(late.filter(({ phase }) => phase !== 'Succeeded')).toEqual([])
    let said = ''
    sleeper.stdout?.on('data', (data: Buffer) => (said += data.toString()))
    await until('it to have let go of what was taken from it', () => sleeper.kill('SIGUSR2') && said.includes('running 0\n'))
    const isLate = (id: string) => late.some((job) => job.id === id)

    const witnessed = await db.query<Witnessed>('select job_id, epoch, provisioner, what, lease_over from witnessed order by id')
    const of = (what: string) => witnessed.filter((row) => row.what === what && !isLate(row.job_id))
    expect(of('changed after its end')).toEqual([])
    expect(of('claimed').filter(({ lease_over }) => !lease_over)).toEqual([])
    expect(
      of('ended')
        .map(({ job_id }) => job_id)
        .toSorted(),
    ).toEqual(builds.map(({ id }) => id).toSorted())
    expect(new Set(of('ended').map(({ provisioner }) => provisioner)).size).toBe(2)
    const stolen = new Set(held.map(({ id }) => id))
    const outcomes = await Promise.all(builds.map(({ id }) => jobById(db, id)))
    expect(outcomes.filter((job) => job && !stolen.has(job.id) && job.phase !== 'Succeeded').map((job) => job?.error)).toEqual([])
    // The sleeper wrote nothing of what was taken from it.
    expect(await Promise.all(held.map(({ id }) => jobById(db, id)))).toEqual(asleep)
    const [logsNow, statesNow] = [await logs(), await states()]
    expect([logsNow.filter(({ job_id }) => !isLate(job_id)), statesNow.filter(({ job_id }) => !isLate(job_id))]).toEqual(before)
  },
)
