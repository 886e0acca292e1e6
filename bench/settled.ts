import { join } from 'node:path'
import { systemClock } from '../controller/kernel/clock.ts'
import type { Db } from '../controller/store/pool.ts'
import { openKey } from '../controller/store/sealed.ts'
import { until } from '../test/support/until.ts'
import { paired, timed, type Asked, type Bench } from './harness/bench.ts'
import { declaredTemplate, patchWorkspace, startUp, type ControlPlane } from './harness/control-plane.ts'
import type { Line } from './harness/line.ts'
import { inPlace, type Place } from './harness/place.ts'
import { objectVersion, openDatabase } from './harness/postgres.ts'
import { memoryOf, processorMs } from './harness/process.ts'
import { bareNodeMs, environment, type Variables } from './harness/programs.ts'
import { seedSettled } from './harness/seed.ts'
import { generationOf, isTrue, observedOf, watch, type Watching } from './harness/watch.ts'

export const settled: Bench = {
  name: 'settled',
  about: 'many settled workspaces: a restart of the control plane, one change among them, and silence',
  measure: (asked) => inPlace((place) => measured(asked, place)),
}

const COUNT = 1000
const COUNT_MANY = 10_000
const COUNT_QUICK = 100
const RESTARTS = 5
const CHANGES = 300
const CHANGES_QUICK = 20
const QUIET_MS = 60_000
const QUIET_MANY_MS = 600_000
const QUIET_QUICK_MS = 5000
const SETTLE_LIMIT_MS = 600_000
const LOOK_MS = 20
/** What is still being written a moment after the last look belongs to the restart. */
const CALM_MS = 2000

async function measured(asked: Asked, place: Place): Promise<readonly Line[]> {
  const { quick, many, say } = asked
  const count = quick ? COUNT_QUICK : many ? COUNT_MANY : COUNT
  const { url, db } = await openDatabase(place)
  const env = environment(place.folder, { DATABASE_URL: url })
  const folder = declaredTemplate(place)
  await seeded(asked, { place, folder, env, db, count })

  const restarted = () => restart(place, folder, env, db, count)
  const found = await paired(
    asked,
    quick || many ? 1 : RESTARTS,
    restarted,
    async () => (await readEverything(db)) + (await bareNodeMs(env)),
  )
  const controlPlane = await startUp(place, folder, env)
  await allLookedAt(controlPlane, count)
  const workspaces = watch(place, controlPlane.client, 'workspaces')
  await workspaces.when(`settled-${count - 1}`, 'seen', () => true)
  say('changing one at a time')
  const changes = await changed(controlPlane, workspaces, count, quick ? CHANGES_QUICK : CHANGES)
  const quietMs = quick ? QUIET_QUICK_MS : many ? QUIET_MANY_MS : QUIET_MS
  say(`listening to ${quietMs / 1000} s of silence`)
  const quiet = await silence(db, controlPlane, quietMs)
  return [
    {
      what: `${count} settled, restart → all looked at`,
      unit: 'ms',
      values: found.ours.map(({ tookMs }) => tookMs),
      beside: { what: 'node + reading all rows', values: found.theirs },
      reach: [{ of: 'max', most: many ? 40_000 : 5000 }],
    },
    {
      what: '  RSS of the control plane',
      unit: 'MB',
      values: found.ours.map(({ rss }) => rss),
      reach: many ? [] : [{ of: 'max', most: 250 }],
    },
    { what: '  RSS at its highest', unit: 'MB', values: found.ours.map(({ rssMost }) => rssMost) },
    { what: '  writes to objects', unit: '', values: found.ours.map(({ writes }) => writes), reach: [{ of: 'max', most: 0 }] },
    {
      what: `change seen → decision seen, among ${count}`,
      unit: 'ms',
      values: changes.map(({ decidedMs }) => decidedMs),
      beside: { what: 'sent → change seen', values: changes.map(({ seenMs }) => seenMs) },
      reach: [{ of: 'p99', most: 50 }],
    },
    { what: `${quietMs / 1000} quiet seconds: writes`, unit: '', values: [quiet.writes], reach: [{ of: 'max', most: 0 }] },
    { what: '  transactions', unit: '/s', values: [quiet.transactionsPerSecond] },
    { what: '  processor time of the control plane', unit: 'ms', values: [quiet.processorMs] },
  ]
}

interface Setting {
  readonly place: Place
  readonly folder: string
  readonly env: Variables
  readonly db: Db
  readonly count: number
}

/** The template is imported for real, and the first look writes each status; after that everything has been said. */
async function seeded({ say }: Asked, { place, folder, env, db, count }: Setting): Promise<void> {
  const importing = await startUp(place, folder, env)
  await watch(place, importing.client, 'templates').when('hello', 'imported', isTrue('Ready'))
  await importing.end()
  const [version] = await db.query<{ digest: string }>('select digest from versions')
  const sealer = await openKey({ file: join(place.folder, 'state', 'key'), env: undefined, db })
  say(`making ${count} workspaces`)
  await seedSettled({ db, sealer, digest: version?.digest ?? '', count })
  // Or the server would tidy up by itself while we listen for silence.
  await db.query('vacuum analyze')
  const first = await startUp(place, folder, env)
  await allLookedAt(first, count)
  await calm(db)
  await first.end()
}

async function restart(place: Place, folder: string, env: Variables, db: Db, count: number) {
  const before = await objectVersion(db)
  const startedAt = systemClock.elapsedMs()
  const controlPlane = await startUp(place, folder, env)
  await allLookedAt(controlPlane, count)
  const tookMs = systemClock.elapsedMs() - startedAt
  await calm(db)
  const { now, most } = memoryOf(controlPlane.pid)
  const writes = (await objectVersion(db)) - before
  await controlPlane.end()
  return { tookMs, rss: now, rssMost: most, writes }
}

/** By the counters of the control plane itself. */
async function allLookedAt({ client }: ControlPlane, count: number): Promise<void> {
  await until(
    `${count} workspaces to be looked at`,
    async () => {
      const { url, token } = await client.endpoint()
      const page = await metricsOf(url, token ?? '')
      const looks = [...page.matchAll(/^bothy_reconcile_looks_total\{kind="Workspace".*\} (\d+)$/gm)].reduce(
        (sum, [, each]) => sum + Number(each),
        0,
      )
      return looks >= count && /^bothy_reconcile_queue_depth 0$/m.test(page)
    },
    { limitMs: SETTLE_LIMIT_MS, everyMs: LOOK_MS },
  )
}

const metricsOf = async (url: string, token: string): Promise<string> =>
  (await fetch(`${url}/metrics`, { headers: { authorization: `Bearer ${token}`, connection: 'close' } })).text()

/** Until nothing has been written for a while. */
async function calm(db: Db): Promise<void> {
  for (let before = -1, now = await objectVersion(db); before !== now; before = now, now = await objectVersion(db))
    await systemClock.sleep(CALM_MS)
}

/** What any program has to do that wants to know everything: every object and every build, read and parsed. */
const readEverything = (db: Db): Promise<number> =>
  timed(async () => {
    const objects = await db.query<{ body: string }>('select body::text as body from objects')
    for (const { body } of objects) JSON.parse(body)
    await db.query('select * from jobs')
    await db.query('select * from agents')
  })

/** A field of the spec that changes nothing in the world: the decision shows as the generation that was observed. */
async function changed({ client }: ControlPlane, workspaces: Watching, count: number, changes: number) {
  const found: { readonly seenMs: number; readonly decidedMs: number }[] = []
  for (let i = 0; i < changes; i += 1) {
    const name = `settled-${i % count}`
    const generation = 2 + Math.floor(i / count)
    const sentAt = systemClock.elapsedMs()
    const seen = workspaces.when(name, 'changed', (object) => generationOf(object) >= generation)
    const decided = workspaces.when(name, 'decided', (object) => observedOf(object) >= generation)
    const answer = await patchWorkspace(client, name, { spec: { updates: generation % 2 === 0 ? 'Automatic' : 'Manual' } })
    if (generationOf(answer) !== generation) throw new Error(`the change of ${name} changed nothing: ${JSON.stringify(answer)}`)
    const [seenAt, decidedAt] = await Promise.all([seen, decided])
    found.push({ seenMs: seenAt - sentAt, decidedMs: decidedAt - seenAt })
  }
  return found
}

async function silence(db: Db, { pid }: ControlPlane, ms: number) {
  await calm(db)
  const look = async () => ({ version: await objectVersion(db), transactions: await transactionsOf(db), processor: processorMs(pid) })
  const before = await look()
  await systemClock.sleep(ms)
  const after = await look()
  return {
    writes: after.version - before.version,
    transactionsPerSecond: ((after.transactions - before.transactions) / ms) * 1000,
    processorMs: after.processor - before.processor,
  }
}

async function transactionsOf(db: Db): Promise<number> {
  const [row] = await db.query<{ count: string }>('select xact_commit as count from pg_stat_database where datname = current_database()')
  return Number(row?.count)
}
