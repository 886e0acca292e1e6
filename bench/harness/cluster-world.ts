import { randomBytes } from 'node:crypto'
import { createCache } from '../../controller/cluster/cache.ts'
import { connectKubernetes } from '../../controller/cluster/kubernetes-connection.ts'
import { openKubernetes } from '../../controller/cluster/kubernetes.ts'
import type { Cache, Cluster, Draft, Resource } from '../../controller/cluster/port.ts'
import { systemClock } from '../../controller/kernel/clock.ts'
import { silentLog } from '../../controller/kernel/log.ts'
import { claimJob, startJob } from '../../controller/store/claim-jobs.ts'
import { finishJob } from '../../controller/store/finish-job.ts'
import type { Db } from '../../controller/store/pool.ts'
import { heartbeatProvisioner } from '../../controller/store/provisioners.ts'
import type { Claim } from '../../controller/store/records.ts'
import { IMPORTED, saidBy, templateDraft, workspaceDraft } from '../../test/engine/bench.ts'
import { until } from '../../test/support/until.ts'
import { startApiServer, startController, type ApiServer, type Controller } from './cluster.ts'
import type { Place } from './place.ts'
import { openDatabase } from './postgres.ts'
import { memoryOf, processorMs } from './process.ts'
import { bareNodeMs, environment, type Variables } from './programs.ts'

/**
 * Many workspaces, each of an owner of its own, on a real API server: the control plane is a process, and builds are played, at once
 * and elsewhere. Benchmarks measure it, and a test holds it to what is promised.
 */

const AT_ONCE = 16
const LIMIT_MS = 900_000
const HEARTBEAT_MS = 2000
const LOOK_MS = 10
const CALM_MS = 1500
/** To ask who somebody is and what they may do is to write nothing; at its start it says in a ConfigMap where it is. */
const WRITES = /method="(?:POST|PUT|PATCH|DELETE)",group="(?!authentication|authorization|core)/
const PERSON = { manager: 'bench', user: 'ada' }
const PROVISIONER = 'player'

export interface World {
  readonly place: Place
  readonly server: ApiServer
  readonly env: Variables
  readonly db: Db
  readonly cluster: Cluster
  readonly cache: Cache
}

/** The control plane that all is measured of, and the provisioner that is none. */
export interface Begun {
  readonly controller: Controller
  readonly player: Player
}

export async function openWorld(place: Place): Promise<World> {
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
  const cache = createCache({ cluster, clock: systemClock, log: silentLog }, ['Workspace', 'Template', 'Owner'])
  const over = new AbortController()
  place.onLeave(() => over.abort())
  await cache.start(over.signal)
  const env = environment(place.folder, { DATABASE_URL: url, BOTHY_KEY: randomBytes(32).toString('base64') })
  return { place, server, env, db, cluster, cache }
}

/** `program`: what Node is given to run `bothy`. */
export async function begin({ place, server, env, db, cluster, cache }: World, program: readonly string[]): Promise<Begun> {
  const controller = await startController(place, server, env, program)
  // The tables are the control plane's to make.
  const player = play(place, db)
  await cluster.apply(templateDraft(), PERSON)
  await until('the template', () => saidBy(cache.get('Template', 'default', 'node') ?? null, 'Ready') === 'True Imported')
  return { controller, player }
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

/** So many more workspaces. Their owners are there before, and are no part of what is measured. */
export async function grown(
  { cluster, cache, db }: World,
  { controller, player }: Begun,
  { from, to }: { readonly from: number; readonly to: number },
) {
  const wait = { limitMs: LIMIT_MS, everyMs: 50 }
  const each = (work: (i: number) => Promise<unknown>) => atOnce({ from, to }, work)
  await each((i) => cluster.create(ownerDraft(`u${i}`), PERSON))
  await until('every owner to be Ready', () => cache.list('Owner').filter(isActive).length >= to, wait)
  await calm(controller)
  player.open(false)
  const before = { processor: processorMs(controller.pid), requests: await controller.counted('bothy_kubernetes_requests_total') }
  const startedAt = systemClock.elapsedMs()
  await each((i) => cluster.create(workspaceDraft({ owner: `u${i}` }, `w${i}`), PERSON))
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

async function atOnce({ from, to }: { readonly from: number; readonly to: number }, work: (i: number) => Promise<unknown>): Promise<void> {
  let next = from
  const working = async (): Promise<void> => {
    while (next < to) await work(next++)
  }
  await Promise.all(Array.from({ length: AT_ONCE }, working))
}

const ownerDraft = (name: string): Draft => ({ apiVersion: 'bothy.dev/v1alpha1', kind: 'Owner', metadata: { name }, spec: {} })

const queued = async (db: Db): Promise<number> =>
  Number((await db.query<{ count: string }>("select count(*) from jobs where kind = 'build'"))[0]?.count)

const isActive = (object: Resource): boolean => saidBy(object, 'Ready').startsWith('True ')

const isReady = (object: Resource): boolean => saidBy(object, 'Ready') === 'True Running'

/** Until a moment has gone by in which it wrote nothing, and nothing is left that it would look at now. */
async function calm(controller: Controller): Promise<void> {
  const done = async () => ({ writes: await writesOf(controller), waiting: await controller.counted('bothy_reconcile_queue_depth') })
  for (let before = -1, now = await done(); before !== now.writes || now.waiting > 0; now = await done()) {
    before = now.writes
    await systemClock.sleep(CALM_MS)
  }
}

/** What it does where nothing happens. */
export async function silence(controller: Controller, ms: number) {
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

/** A control plane that finds so many workspaces as it left them, until it has looked at each. */
export async function restarted({ place, server, env }: World, count: number, program: readonly string[]) {
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
