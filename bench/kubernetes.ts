import { randomBytes } from 'node:crypto'
import { createCache } from '../controller/cluster/cache.ts'
import { connectKubernetes } from '../controller/cluster/kubernetes-connection.ts'
import { openKubernetes } from '../controller/cluster/kubernetes.ts'
import type { Cache, Cluster, Resource } from '../controller/cluster/port.ts'
import { systemClock } from '../controller/kernel/clock.ts'
import { silentLog } from '../controller/kernel/log.ts'
import { claimJob, startJob } from '../controller/store/claim-jobs.ts'
import { finishJob } from '../controller/store/finish-job.ts'
import type { Db } from '../controller/store/pool.ts'
import { heartbeatProvisioner } from '../controller/store/provisioners.ts'
import type { Claim } from '../controller/store/records.ts'
import { IMPORTED, saidBy, templateDraft, workspaceDraft } from '../test/engine/bench.ts'
import { until } from '../test/support/until.ts'
import type { Asked, Bench } from './harness/bench.ts'
import { startApiServer, startController, type ApiServer, type Controller } from './harness/cluster.ts'
import type { Line } from './harness/line.ts'
import { inPlace, type Place } from './harness/place.ts'
import { openDatabase } from './harness/postgres.ts'
import { memoryOf, processorMs } from './harness/process.ts'
import { bareNodeMs, BOTHY, environment, shippedBothy, type Variables } from './harness/programs.ts'

export const kubernetes: Bench = {
  name: 'kubernetes',
  about:
    'the control plane of the image on a real API server: processor time, memory and requests; builds are played, at once and elsewhere',
  measure: (asked) => inPlace((place) => measured(asked, place)),
}

/** What a Go controller of this field took on such a machine, for objects whose pods it makes itself. */
const GO = { first: 500, podsMs: 1100, readyMs: 1900, rss: 57, all: 2000, allMs: 6900, allRss: 74, restartMs: 1000, restartCpuMs: 500 }
const QUICK = { first: 20, all: 40 }
const MANY = { first: 2000, all: 10_000 }
const QUIET_MS = 30_000
const QUIET_QUICK_MS = 3000
const AT_ONCE = 16
const LIMIT_MS = 900_000
const HEARTBEAT_MS = 2000
const LOOK_MS = 10
const CALM_MS = 1500
/** To ask who somebody is and what they may do is to write nothing; at its start it says in a ConfigMap where it is. */
const WRITES = /method="(?:POST|PUT|PATCH|DELETE)",group="(?!authentication|authorization|core)/
const PERSON = { manager: 'bench', user: 'ada' }
const PROVISIONER = 'player'

interface World {
  readonly place: Place
  readonly server: ApiServer
  readonly env: Variables
  readonly db: Db
  readonly cluster: Cluster
  readonly cache: Cache
  /** What Node is given to run `bothy` as the image does. */
  readonly shipped: readonly string[]
}

async function measured(asked: Asked, place: Place): Promise<readonly Line[]> {
  const { quick, many, say } = asked
  const { first, all } = quick ? QUICK : many ? MANY : GO
  const world = await openWorld(place)
  const controller = await startController(place, world.server, world.env, world.shipped)
  // The tables are the control plane's to make.
  const player = play(place, world.db)
  await world.cluster.apply(templateDraft(), PERSON)
  await until('the template', () => saidBy(world.cache.get('Template', 'default', 'node') ?? null, 'Ready') === 'True Imported')
  say(`${first} workspaces`)
  const one = await grown(world, player, controller, { from: 0, to: first })
  say(`${all - first} more`)
  const two = await grown(world, player, controller, { from: first, to: all })
  say('silence')
  const quiet = await silence(controller, quick ? QUIET_QUICK_MS : QUIET_MS)
  await controller.end()
  say('a restart')
  const again = await restarted(world, all, world.shipped)
  say('a restart from a checkout')
  const checkout = await restarted(world, all, BOTHY)
  const go = (what: string, value: number) => (quick || many ? {} : { beside: { what, values: [value] } })
  return [
    {
      what: `${first} objects: processor until their builds are queued`,
      unit: 'ms',
      values: [one.queuedMs],
      ...go('Go, to their pods', GO.podsMs),
    },
    { what: '  … until all are Ready', unit: 'ms', values: [one.readyMs], ...go('Go', GO.readyMs) },
    { what: '  RSS', unit: 'MB', values: [one.rss], ...go('Go', GO.rss) },
    { what: '  requests for each object', unit: '', values: [one.requests / first] },
    { what: `  → ${all} objects: processor from the first`, unit: 'ms', values: [one.readyMs + two.readyMs], ...go('Go', GO.allMs) },
    { what: '  RSS', unit: 'MB', values: [two.rss], ...go('Go', GO.allRss) },
    { what: '  requests for each object', unit: '', values: [two.requests / (all - first)] },
    { what: '  until all are Ready', unit: 's', values: [two.tookMs / 1000] },
    { what: 'quiet: writes', unit: '', values: [quiet.writes], reach: [{ of: 'max', most: 0 }] },
    { what: '  requests a minute', unit: '', values: [quiet.requestsPerMinute] },
    { what: '  processor a minute', unit: 'ms', values: [quiet.processorMsPerMinute] },
    { what: `restart on ${all} → all looked at`, unit: 'ms', values: [again.tookMs], ...go('Go', GO.restartMs) },
    { what: '  processor, Node and its modules included', unit: 'ms', values: [again.processorMs], ...go('Go', GO.restartCpuMs) },
    { what: '  a bare Node, to its end', unit: 'ms', values: [again.bareMs] },
    { what: '  RSS', unit: 'MB', values: [again.rss] },
    { what: '  writes', unit: '', values: [again.writes], reach: [{ of: 'max', most: 0 }] },
    { what: 'the same from a checkout', unit: 'ms', values: [checkout.tookMs] },
    { what: '  processor', unit: 'ms', values: [checkout.processorMs] },
    { what: '  RSS', unit: 'MB', values: [checkout.rss] },
  ]
}

async function openWorld(place: Place): Promise<World> {
  const [server, { url, db }] = await Promise.all([startApiServer(place), openDatabase(place)])
  const connection = await connectKubernetes({
    kubeconfig: server.kubeconfig,
    environment: {},
    clock: systemClock,
    userAgent: 'bothy-bench',
  })
  const { cluster, close } = await openKubernetes({ connection, clock: systemClock, log: silentLog })
  place.onLeave(async () => {
    await close()
    connection.close()
  })
  const cache = createCache({ cluster, clock: systemClock, log: silentLog }, ['Workspace', 'Template'])
  const over = new AbortController()
  place.onLeave(() => over.abort())
  await cache.start(over.signal)
  const env = environment(place.folder, { DATABASE_URL: url, BOTHY_KEY: randomBytes(32).toString('base64') })
  return { place, server, env, db, cluster, cache, shipped: await shippedBothy(env) }
}

interface Player {
  /** Builds are taken, and done at once. Imports always are. */
  open(on: boolean): void
}

/** A provisioner that does nothing and succeeds. */
function play(place: Place, db: Db): Player {
  let builds = false
  const over = new AbortController()
  const beat = async (): Promise<void> => {
    await heartbeatProvisioner(db, { id: PROVISIONER, name: 'player', labels: {}, version: '1', capacity: AT_ONCE, isolation: 'none' })
    await systemClock.sleep(HEARTBEAT_MS, over.signal)
  }
  const work = async (): Promise<void> => {
    const imports = (await db.query("select 1 from jobs where kind = 'import' and phase = 'Queued'")).length > 0
    const claim: Claim | null = builds || imports ? await claimJob(db, { provisionerId: PROVISIONER, labels: {}, leaseMs: 60_000 }) : null
    if (!claim) return systemClock.sleep(LOOK_MS * (builds ? 1 : 10), over.signal)
    await startJob(db, claim)
    const done = { phase: 'Succeeded', reason: null, error: null, state: null, agents: null, result: {} } as const
    await finishJob(db, claim, { ...done, ...(claim.job.kind === 'import' ? IMPORTED : {}) })
  }
  const always = async (step: () => Promise<void>): Promise<void> => {
    while (!over.signal.aborted) await step()
  }
  const ended = Promise.all([always(beat), ...Array.from({ length: AT_ONCE }, () => always(work))])
  place.onLeave(() => {
    over.abort()
    return ended
  })
  return { open: (on) => void (builds = on) }
}

async function grown({ cluster, cache, db }: World, player: Player, controller: Controller, { from, to }: { from: number; to: number }) {
  player.open(false)
  const before = { processor: processorMs(controller.pid), requests: await controller.counted('bothy_kubernetes_requests_total') }
  const startedAt = systemClock.elapsedMs()
  let next = from
  const creating = async (): Promise<void> => {
    while (next < to) await cluster.create(workspaceDraft({ owner: 'ada' }, `w${next++}`), PERSON)
  }
  await Promise.all(Array.from({ length: AT_ONCE }, creating))
  const wait = { limitMs: LIMIT_MS, everyMs: 50 }
  await until('every build to be queued', async () => (await queued(db)) >= to, wait)
  await calm(controller)
  const queuedMs = processorMs(controller.pid) - before.processor
  player.open(true)
  await until('every workspace to be Ready', () => cache.list('Workspace').filter(isReady).length >= to, wait)
  const tookMs = systemClock.elapsedMs() - startedAt
  await calm(controller)
  const requests = (await controller.counted('bothy_kubernetes_requests_total')) - before.requests
  return { queuedMs, readyMs: processorMs(controller.pid) - before.processor, requests, tookMs, rss: memoryOf(controller.pid).now }
}

const queued = async (db: Db): Promise<number> =>
  Number((await db.query<{ count: string }>("select count(*) from jobs where kind = 'build'"))[0]?.count)

const isReady = (object: Resource): boolean => saidBy(object, 'Ready') === 'True Running'

/** Until a moment has gone by in which it wrote nothing, and nothing is left that it would look at now. */
async function calm(controller: Controller): Promise<void> {
  const done = async () => ({ writes: await writesOf(controller), waiting: await controller.counted('bothy_reconcile_queue_depth') })
  for (let before = -1, now = await done(); before !== now.writes || now.waiting > 0; now = await done()) {
    before = now.writes
    await systemClock.sleep(CALM_MS)
  }
}

async function silence(controller: Controller, ms: number) {
  const look = async () => ({
    processor: processorMs(controller.pid),
    requests: await controller.counted('bothy_kubernetes_requests_total'),
    writes: await writesOf(controller),
  })
  const before = await look()
  await systemClock.sleep(ms)
  const after = await look()
  const aMinute = (value: number) => (value / ms) * 60_000
  return {
    writes: after.writes - before.writes,
    requestsPerMinute: aMinute(after.requests - before.requests),
    processorMsPerMinute: aMinute(after.processor - before.processor),
  }
}

const writesOf = (controller: Controller): Promise<number> => controller.counted('bothy_kubernetes_requests_total', WRITES)

async function restarted({ place, server, env }: World, count: number, program: readonly string[]) {
  const bareMs = await bareNodeMs(env)
  const startedAt = systemClock.elapsedMs()
  const controller = await startController(place, server, env, program)
  const looked = async () =>
    (await controller.counted('bothy_reconcile_looks_total', /kind="Workspace"/)) >= count &&
    (await controller.counted('bothy_reconcile_queue_depth')) === 0
  await until('everything to be looked at', looked, { limitMs: LIMIT_MS, everyMs: 20 })
  const tookMs = systemClock.elapsedMs() - startedAt
  const spent = processorMs(controller.pid)
  const found = { tookMs, processorMs: spent, rss: memoryOf(controller.pid).now, bareMs, writes: await writesOf(controller) }
  await controller.end()
  return found
}
