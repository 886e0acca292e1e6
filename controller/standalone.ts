import { statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { CONNECT_PATH } from '../agent/protocol.ts'
import { openApi, type Api } from './api/server.ts'
import type { Check } from './api/ports.ts'
import { keepRunning, type Child } from './child.ts'
import { createCache } from './cluster/cache.ts'
import type { Cache, Cluster } from './cluster/port.ts'
import { openStandalone } from './cluster/standalone.ts'
import { CHILD_MARK, FINISH, VERSION, type Config } from './config.ts'
import { createConnections } from './connect/connections.ts'
import { hostKeyOf } from './connect/host-key.ts'
import { openLocalDoor } from './connect/local-door.ts'
import { within, type Clock } from './kernel/clock.ts'
import type { Log } from './kernel/log.ts'
import { watchClockJumps } from './kernel/clock-jumps.ts'
import { Refused } from './kernel/errors.ts'
import { createMetrics, type Metrics } from './kernel/metrics.ts'
import { keyOf, sha256 } from './kernel/names.ts'
import { agentProgram } from './program/program.ts'
import { sweepPrograms } from './program/sweep.ts'
import { createEngine, type Engine } from './reconcile/engine.ts'
import { KINDS } from './reconcile/kinds.ts'
import { ownerSeen } from './reconcile/owner/seen.ts'
import { DOWN_SETTING, storePorts } from './reconcile/store-ports.ts'
import { isWorkspace } from './reconcile/workspace/observe.ts'
import type { Closers } from './shutdown.ts'
import { startEmbedded } from './store/embedded.ts'
import { programsInUse } from './store/agents.ts'
import { migrate } from './store/migrate.ts'
import { databaseNow, openDb, type Db } from './store/pool.ts'
import { countJobs } from './store/read-jobs.ts'
import type { Subject } from './store/records.ts'
import { prune } from './store/retention.ts'
import { openKey, type Sealer } from './store/sealed.ts'
import { deleteSetting, putSetting } from './store/settings.ts'
import { openBrowserSide } from './standalone-apps.ts'
import { measureUsage } from './store/usage.ts'
import type { StateFolder } from './state.ts'

/** Builds every port of one control plane without a cluster, and starts every loop but the folder's. */
export interface Standalone {
  readonly db: Db
  readonly cluster: Cluster
  readonly cache: Cache
  readonly engine: Engine
  readonly url: string
  /** The provisioner's process. */
  readonly provisioner: Child
}

/** What `POST /bothy/v1/down` answers. */
export interface DownAnswer {
  readonly pid: number
  /** Workspaces that are going to be stopped. */
  readonly running: readonly string[]
}

export interface StandaloneOptions {
  readonly config: Config
  readonly state: StateFolder
  readonly clock: Clock
  readonly log: Log
  /** Told what to close, as soon as there is something: a start that fails half way leaves nothing behind. */
  readonly closers: Closers
  /** Every machine is to be stopped, and stays so until the next start. */
  readonly goingDown: boolean
  /** Somebody asked over the API for everything to be brought down. Answers what they are told. */
  readonly onDown: () => DownAnswer
  /** Nothing can be built as this machine is; told each time that it is tried. */
  readonly onUnable: (why: string) => void
  /** The database died and could not be brought back: nothing works any more. */
  readonly onLost: (why: string) => void
}

const PRUNE_EVERY_MS = 10 * 60_000
const CONNECTIONS_MAX = 12
const REPLICA = 'standalone'
const DISK_FREE_MIN_BYTES = 100 * 1024 * 1024
const DATABASE_ANSWER_MS = 2000
const MAIN = fileURLToPath(new URL('./main.ts', import.meta.url))

export async function openEverything(options: StandaloneOptions): Promise<Standalone> {
  const { config, state, clock, log, closers } = options
  const metrics = createMetrics()
  const api = await openDoor(options, metrics)
  const databaseUrl = config.databaseUrl ?? (await startDatabase(options))
  const db = openDb(databaseUrl, { log, clock, max: CONNECTIONS_MAX })
  closers.add('connections to the database', () => db.close())
  await migrate(db, log)
  // Opened here so that a wrong key is said at once, and not by the first build.
  const sealer = await openKey({ file: state.keyFile, env: config.key ?? undefined, db })
  if (options.goingDown) await putSetting(db, DOWN_SETTING, true)
  else await deleteSetting(db, DOWN_SETTING)

  measure(db, metrics)
  const objects = await openStandalone({ db, clock, log, metrics })
  closers.add('objects', () => objects.close())
  const { cluster } = objects
  const cache = createCache({ cluster, clock, log }, ['Template', 'Workspace', 'WorkspaceRequest', 'Owner', 'Namespace', 'ConfigMap'])
  const engine = createEngine({
    kinds: KINDS,
    ports: { cluster, cache, store: storePorts(db), localUser: localUser(config.user) },
    clock,
    log,
    metrics,
    random: Math.random,
    onKeys: (listener, missed) => db.listen('bothy_keys', listener, missed),
  })
  await serve(options, api, { db, cluster, cache, engine, metrics, sealer })
  const url = urlOf(config, api)
  state.announce(url)
  const watching = new AbortController()
  closers.add('watches', () => watching.abort())
  await cache.start(watching.signal)
  const provisioner = startProvisioner(options, databaseUrl, url)
  closers.add('work', () => engine.stop())
  await engine.start()
  void watchClockJumps(clock, log, engine.clockJumped, watching.signal)
  void measureUsage(db, clock, metrics, log, watching.signal)
  void pruneNowAndThen(db, config.stateDir, clock, log, watching.signal)
  return { db, cluster, cache, engine, url, provisioner }
}

function measure(db: Db, metrics: Metrics): void {
  metrics.gauge('bothy_database_connections', 'Connections to the database, by what they do.', () => {
    const { total, idle, waiting } = db.stats()
    return new Map([
      [{ state: 'busy' }, total - idle],
      [{ state: 'idle' }, idle],
      [{ state: 'waited for' }, waiting],
    ])
  })
  metrics.gauge('bothy_jobs', 'Jobs that are kept, by kind, transition and how they ended.', async () => {
    const counts = await countJobs(db)
    return new Map(counts.map(({ kind, transition, phase, count }) => [{ kind, transition: transition ?? '', phase }, count]))
  })
}

async function startDatabase({ state, clock, log, closers, onLost }: StandaloneOptions): Promise<string> {
  const embedded = await startEmbedded({ state: state.dir, clock, log })
  closers.add('database', () => embedded.close())
  embedded.onExit(onLost)
  return embedded.url
}

interface Served {
  readonly db: Db
  readonly cluster: Cluster
  readonly cache: Cache
  readonly engine: Engine
  readonly metrics: Metrics
  readonly sealer: Sealer
}

/** First of all, so that whoever looks on while the database starts or a migration runs is told so. */
async function openDoor({ config, state, clock, log, closers }: StandaloneOptions, metrics: Metrics): Promise<Api> {
  const { host, port, tls, insecure, accessUrl, user } = config
  const hosts = accessUrl ? [new URL(accessUrl).hostname] : []
  const door = { clock, log, metrics, version: VERSION, token: state.token, user }
  const api = await openApi(door, { host, port, tls, insecure, hosts })
  closers.add('http', () => api.close())
  return api
}

const urlOf = ({ tls }: Config, { host, port }: Api): string =>
  `${tls ? 'https' : 'http'}://${host.includes(':') ? `[${host}]` : host}:${port}`

async function serve(
  { config, state, clock, log, closers, onDown }: StandaloneOptions,
  api: Api,
  { db, cluster, cache, engine, metrics, sealer }: Served,
): Promise<void> {
  const barred = barredFrom(cache, config.user)
  const hostKey = (uid: string, name: string) => hostKeyOf(sealer.derive, uid, name)
  const connections = await createConnections({ db, clock, log, metrics, replica: REPLICA, barred, hostKey })
  cache.onChange((_key, { kind }) => (kind === 'Owner' ? connections.review() : undefined))
  const localDoor = await openLocalDoor({ folder: join(state.dir, 'door'), upgrade: connections.upgrade, log })
  closers.add('agents', async () => {
    await localDoor.close()
    await connections.close()
  })
  const where = { url: urlOf(config, api), port: api.port }
  const browser = await openBrowserSide({
    config,
    token: state.token,
    clock,
    log,
    metrics,
    closers,
    db,
    cache,
    connections,
    barred,
    sealer,
    ...where,
  })
  api.open({
    browser,
    cluster,
    db,
    checks: [databaseCheck(db, clock), diskCheck(state.dir)],
    why: (kind, namespace, name) => engine.explain(keyOf(kind, namespace, name)),
    simulate: (namespace, name, until) => engine.simulate(keyOf('Workspace', namespace, name), until),
    status: async () => ({
      version: VERSION,
      pid: process.pid,
      agents: connections.connected,
      waiting: engine.depth(),
      workspaces: cache.list('Workspace').map(({ metadata, status }) => ({ namespace: metadata.namespace, name: metadata.name, status })),
    }),
    agentProgram: async (platform) => (await agentProgram({ stateDir: config.stateDir, clock, ...platform })).archive(),
    down: async () => {
      await putSetting(db, DOWN_SETTING, true)
      return onDown()
    },
    enter: connections.enter,
    hostKeys: connections.hostKeys,
    portsOf: connections.portsOf,
    files: connections.files,
    connect: { path: CONNECT_PATH, upgrade: connections.upgrade },
  })
}

function startProvisioner({ config, state, clock, log, closers, onUnable }: StandaloneOptions, databaseUrl: string, url: string): Child {
  const child = keepRunning({
    name: 'provisioner',
    command: process.execPath,
    args: ['--disable-warning=ExperimentalWarning', MAIN, 'provisioner'],
    env: {
      ...config.environment,
      DATABASE_URL: databaseUrl,
      BOTHY_STATE: state.dir,
      BOTHY_ACCESS_URL: config.accessUrl ?? url,
      [CHILD_MARK]: '1',
    },
    clock,
    log,
    onMisconfigured: onUnable,
  })
  closers.add('provisioner', () => child.end(FINISH))
  return child
}

/** Whoever runs this owns the workspaces that name no owner. The id is the same at every start. */
function localUser(name: string) {
  const hex = sha256(`bothy-local-user:${name}`)
  const id = [hex.slice(0, 8), hex.slice(8, 12), `4${hex.slice(13, 16)}`, `8${hex.slice(17, 20)}`, hex.slice(20, 32)].join('-')
  return { name, id, fullName: name, email: `${name}@localhost` }
}

/** Nobody enters what a suspended owner has: what goes on there ends, and is told so when it comes back. */
const barredFrom =
  (cache: Cache, user: string) =>
  ({ namespace, name }: Subject): Refused | null => {
    const workspace = cache.get('Workspace', namespace, name)
    if (!workspace || !isWorkspace(workspace) || !ownerSeen(cache, workspace.spec.owner, localUser(user)).suspended) return null
    const message = `The owner of workspace ${name} is suspended.`
    return new Refused('Forbidden', message, { kind: 'workspaces', name, causes: [{ reason: 'Suspended', message, field: 'spec.owner' }] })
  }

const databaseCheck = (db: Db, clock: Clock): Check => ({
  name: 'database',
  look: async () => {
    try {
      await within(clock, DATABASE_ANSWER_MS, db.query('select 1'), () => new Error('it does not answer'))
      return null
    } catch (error) {
      return error instanceof Error ? error.message : String(error)
    }
  },
})

const diskCheck = (dir: string): Check => ({
  name: 'disk',
  look: async () => {
    const { bavail, bsize } = await statfs(dir)
    const free = bavail * bsize
    return free < DISK_FREE_MIN_BYTES ? `only ${Math.round(free / 1024 / 1024)} MiB are free under ${dir}` : null
  },
})

async function pruneNowAndThen(db: Db, stateDir: string, clock: Clock, log: Log, over: AbortSignal): Promise<void> {
  for (;;) {
    await clock.sleep(PRUNE_EVERY_MS, over)
    if (over.aborted) return
    try {
      const programs = await sweepPrograms(stateDir, await programsInUse(db), clock)
      log.debug('pruned', { ...(await prune(db, await databaseNow(db))), programs })
    } catch (error) {
      log.warn('pruning failed, and is tried again later', { error })
    }
  }
}
