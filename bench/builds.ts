import { availableParallelism } from 'node:os'
import { silentLog } from '../controller/kernel/log.ts'
import { newUid } from '../controller/kernel/names.ts'
import { migrate } from '../controller/store/migrate.ts'
import type { Db } from '../controller/store/pool.ts'
import { queueBuild } from '../controller/store/queue-jobs.ts'
import { keepFiles } from '../controller/store/versions.ts'
import { normaliseTemplate } from '../crds/files.ts'
import { until } from '../test/support/until.ts'
import { paired, timed, type Asked, type Bench } from './harness/bench.ts'
import type { Line } from './harness/line.ts'
import { inPlace, type Place } from './harness/place.ts'
import { openDatabase } from './harness/postgres.ts'
import { startProvisioner } from './harness/provisioner.ts'
import { newBuild } from './harness/seed.ts'
import { bareTerraform, DATA, type BareTerraform } from './harness/terraform.ts'

export const builds: Bench = {
  name: 'builds',
  about: 'builds a second through the real queue and provisioner, with a template that makes nothing',
  measure: (asked) => inPlace((place) => measured(asked, place)),
}

const ROUNDS = 5
const BUILDS = 40
const BUILDS_QUICK = 6
const LIMIT_MS = 180_000
const LOOK_MS = 100

async function measured(asked: Asked, place: Place): Promise<readonly Line[]> {
  const capacity = availableParallelism()
  const { url, db } = await openDatabase(place)
  const digest = await prepared(db)
  await startProvisioner(db, place, url, capacity)
  const terraform = await bareTerraform(place)
  const count = asked.quick ? BUILDS_QUICK : BUILDS
  const found = await paired(
    asked,
    asked.quick ? 1 : ROUNDS,
    () => throughTheQueue(db, digest, count),
    () => inALoop(terraform, count, capacity),
  )
  const of = (leg: 'claimMs' | 'buildMs') => found.ours.map((each) => each[leg])
  return [
    {
      what: `builds, ${capacity} at once`,
      unit: '/s',
      values: found.ours.map(({ perSecond }) => perSecond),
      beside: { what: 'bare applies', values: found.theirs.map(({ perSecond }) => perSecond) },
      reach: [{ of: 'ratio', least: 0.8 }],
    },
    {
      what: '  claimed → finished',
      unit: 'ms',
      values: of('buildMs'),
      beside: { what: 'bare apply', values: found.theirs.map(({ applyMs }) => applyMs) },
    },
    { what: '  finished → next claimed', unit: 'ms', values: of('claimMs') },
  ]
}

async function prepared(db: Db): Promise<string> {
  await migrate(db, silentLog)
  const { digest, files } = normaliseTemplate(DATA)
  await keepFiles(db, digest, files)
  return digest
}

interface Batch {
  readonly perSecond: number
  readonly buildMs: number
  readonly claimMs: number
}

/** By the database's own clock, from the first that was queued to the last that had ended. */
async function throughTheQueue(db: Db, digest: string, count: number): Promise<Batch> {
  const subjects = Array.from({ length: count }, (_, i) => ({ uid: newUid(), namespace: 'default', name: `build-${i}` }))
  await Promise.all(subjects.map((subject) => queueBuild(db, newBuild(subject, digest, 1, 'start'))))
  const uids = [subjects.map(({ uid }) => uid)]
  await until(
    `${count} builds to end`,
    async () => {
      const [row] = await db.query<{ count: string }>('select count(*) from jobs where subject_uid = any($1) and finished_at is null', uids)
      return row?.count === '0'
    },
    { limitMs: LIMIT_MS, everyMs: LOOK_MS },
  )
  const [row] = await db.query<{ failed: string; seconds: number; buildMs: number }>(
    `select count(*) filter (where outcome <> 'Succeeded') as failed,
       extract(epoch from max(finished_at) - min(queued_at))::float8 as seconds,
       (percentile_cont(0.5) within group (order by extract(epoch from finished_at - claimed_at)) * 1000)::float8 as "buildMs"
     from jobs where subject_uid = any($1)`,
    uids,
  )
  if (!row || row.failed !== '0') throw new Error(`${row?.failed} of ${count} builds failed`)
  const [gap] = await db.query<{ ms: number }>(
    // A place that gets free is taken by the next: each claim after the first ones has one end just before it.
    `select (percentile_cont(0.5) within group (order by extract(epoch from j.claimed_at - before.finished_at)) * 1000)::float8 as ms
     from jobs j join lateral (
       select finished_at from jobs where subject_uid = any($1) and finished_at <= j.claimed_at order by finished_at desc limit 1
     ) before on true where subject_uid = any($1)`,
    uids,
  )
  return { perSecond: count / row.seconds, buildMs: row.buildMs, claimMs: gap?.ms ?? Number.NaN }
}

/** As many at once as the provisioner has places, each in a folder that was ready before. */
async function inALoop(terraform: BareTerraform, count: number, capacity: number) {
  const applies = await Promise.all(Array.from({ length: count }, () => terraform.prepare(DATA)))
  const waiting = [...applies]
  const took: number[] = []
  const work = async (): Promise<void> => {
    for (let next = waiting.pop(); next; next = waiting.pop()) took.push(await next.run())
  }
  const tookMs = await timed(() => Promise.all(Array.from({ length: capacity }, work)))
  await Promise.all(applies.map((apply) => apply.close()))
  return { perSecond: (count / tookMs) * 1000, applyMs: took.toSorted((a, b) => a - b)[Math.floor(took.length / 2)] ?? Number.NaN }
}
