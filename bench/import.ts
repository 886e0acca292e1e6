import { silentLog } from '../controller/kernel/log.ts'
import { newUid } from '../controller/kernel/names.ts'
import { migrate } from '../controller/store/migrate.ts'
import type { Db } from '../controller/store/pool.ts'
import { queueImport } from '../controller/store/queue-jobs.ts'
import { keepFiles } from '../controller/store/versions.ts'
import { normaliseTemplate } from '../crds/files.ts'
import { until } from '../test/support/until.ts'
import { paired, type Asked, type Bench } from './harness/bench.ts'
import type { Line } from './harness/line.ts'
import { inPlace, type Place } from './harness/place.ts'
import { fiftyFiles } from './harness/fifty-files.ts'
import { openDatabase } from './harness/postgres.ts'
import { startProvisioner } from './harness/provisioner.ts'
import { bareTerraform, type BareTerraform, type Files } from './harness/terraform.ts'

export const importing: Bench = {
  name: 'import',
  about: 'a template of 50 files with modules and parameters, imported through the real queue and provisioner',
  measure: (asked) => inPlace((place) => measured(asked, place)),
}

const ROUNDS = 9
const ROUNDS_QUICK = 2
const LIMIT_MS = 120_000

async function measured(asked: Asked, place: Place): Promise<readonly Line[]> {
  const { url, db } = await openDatabase(place)
  await migrate(db, silentLog)
  await startProvisioner(db, place, url, 1)
  const terraform = await bareTerraform(place)
  const rounds = asked.quick ? ROUNDS_QUICK : ROUNDS
  const first = await paired(
    asked,
    rounds,
    (round) => throughTheQueue(db, fiftyFiles(round)),
    (round) => bare(terraform, fiftyFiles(round)),
  )
  const again = await paired(
    asked,
    rounds,
    () => throughTheQueue(db, fiftyFiles(0)),
    () => bare(terraform, fiftyFiles(0)),
  )
  const stages = first.ours[0]?.stages.map(([name]) => name) ?? []
  const stage = (wanted: string) => first.ours.map(({ stages: all }) => all.find(([name]) => name === wanted)?.[1] ?? Number.NaN)
  return [
    {
      what: 'a version that is new here',
      unit: 'ms',
      values: first.ours.map(({ ms }) => ms),
      beside: { what: 'bare init and two plans', values: first.theirs.map(({ initMs, plansMs }) => initMs + plansMs) },
    },
    ...stages.map((name): Line => ({ what: `  of it ${name}`, unit: 'ms', values: stage(name) })),
    {
      what: 'the same version again',
      unit: 'ms',
      values: again.ours.map(({ ms }) => ms),
      beside: { what: 'bare two plans', values: again.theirs.map(({ plansMs }) => plansMs) },
    },
  ]
}

interface Imported {
  readonly ms: number
  readonly stages: readonly (readonly [string, number])[]
}

/** By the database's own clock, from queued to finished. */
async function throughTheQueue(db: Db, given: Files): Promise<Imported> {
  const { digest, files } = normaliseTemplate(given)
  await keepFiles(db, digest, files)
  const subject = { uid: newUid(), namespace: 'default', name: 'fifty' }
  const job = await queueImport(db, { subject, digest, reason: 'Created', initiator: 'ada', class: 'person', labels: {} })
  if (!job) throw new Error('the import was not queued')
  const ended = await until('the import to end', () => endOf(db, job.id), { limitMs: LIMIT_MS, everyMs: 5 })
  if (ended.outcome !== 'Succeeded') throw new Error(`the import failed: ${ended.error}`)
  return { ms: ended.ms, stages: Object.entries(ended.stages ?? {}) }
}

interface End {
  readonly outcome: string
  readonly error: string | null
  readonly ms: number
  readonly stages: Readonly<Record<string, number>> | null
}

async function endOf(db: Db, id: string): Promise<End | null> {
  const [row] = await db.query<End>(
    `select outcome, error, (extract(epoch from finished_at - queued_at) * 1000)::float8 as ms, result->'stages' as stages
     from jobs where id = $1 and finished_at is not null`,
    [id],
  )
  return row ?? null
}

/** What an import asks of terraform, in the same sandbox, and nothing around it. */
async function bare(terraform: BareTerraform, files: Files): Promise<{ readonly initMs: number; readonly plansMs: number }> {
  const folder = await terraform.prepare(files, { identity: { importing: true } })
  const plan = () => folder.command('plan', '-json', '-input=false', '-lock=false')
  const initMs = await folder.command('init', '-input=false', '-no-color')
  const plansMs = (await plan()) + (await plan())
  await folder.close()
  return { initMs, plansMs }
}
