import type { Child } from './child.ts'
import { createCache } from './cluster/cache.ts'
import type { Cache, Cluster } from './cluster/port.ts'
import { openStandalone } from './cluster/standalone.ts'
import { watchClockJumps } from './kernel/clock-jumps.ts'
import { createMetrics } from './kernel/metrics.ts'
import { sha256 } from './kernel/names.ts'
import { ownValues } from './own-values.ts'
import { startProvisioner } from './provisioner-child.ts'
import { createEngine, type Engine } from './reconcile/engine.ts'
import { INDEXES } from './reconcile/indexes.ts'
import { KINDS } from './reconcile/kinds.ts'
import { createVariables } from './reconcile/variables.ts'
import { DOWN_SETTING, storePorts } from './reconcile/store-ports.ts'
import { openOwnDoor } from './own-door.ts'
import { serve, urlOf, type Running } from './serve.ts'
import { startEmbedded } from './store/embedded.ts'
import { createKeptValues } from './store/kept-values.ts'
import { migrate } from './store/migrate.ts'
import { openDb, type Db } from './store/pool.ts'
import { openKey } from './store/sealed.ts'
import { deleteSetting, putSetting } from './store/settings.ts'
import { openTokens } from './store/tokens.ts'
import { measureUsage } from './store/usage.ts'
import { measure, pruneNowAndThen } from './upkeep.ts'

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

export interface StandaloneOptions extends Running {
  /** Every machine is to be stopped, and stays so until the next start. */
  readonly goingDown: boolean
  /** Somebody asked over the API for everything to be brought down. Answers what they are told. */
  readonly onDown: () => DownAnswer
  /** Nothing can be built as this machine is; told each time that it is tried. */
  readonly onUnable: (why: string) => void
  /** The database died and could not be brought back: nothing works any more. */
  readonly onLost: (why: string) => void
}

const CONNECTIONS_MAX = 12
const REPLICA = 'standalone'

export async function openEverything(options: StandaloneOptions): Promise<Standalone> {
  const { config, state, clock, log, closers, onDown, onUnable } = options
  const metrics = createMetrics()
  const { api, authority, keep } = await openOwnDoor(options, metrics)
  const databaseUrl = config.databaseUrl ?? (await startDatabase(options))
  const db = openDb(databaseUrl, { log, clock, max: CONNECTIONS_MAX })
  closers.add('connections to the database', () => db.close())
  await migrate(db, log)
  // Opened here so that a wrong key is said at once, and not by the first build.
  const sealer = await openKey({ file: state.keyFile, env: config.key ?? undefined, db })
  if (options.goingDown) await putSetting(db, DOWN_SETTING, true)
  else await deleteSetting(db, DOWN_SETTING)

  measure(db, metrics)
  const objects = await openStandalone({ db, clock, log, metrics, sealer })
  closers.add('objects', () => objects.close())
  const { cluster } = objects
  const cache = createCache(
    { cluster, clock, log },
    ['Template', 'Workspace', 'WorkspaceRequest', 'Owner', 'Namespace', 'ConfigMap'],
    INDEXES,
  )
  const user = localUser(config.user)
  const variables = createVariables({ cluster, kept: createKeptValues(db, sealer, clock), own: ownValues(config), clock })
  const engine = createEngine({
    kinds: KINDS,
    ports: { cluster, cache, store: storePorts(db), variables, localUser: user },
    clock,
    log,
    metrics,
    random: Math.random,
    onKeys: (listener, missed) => db.listen('bothy_keys', listener, missed),
  })
  const tokens = await openTokens({ db, clock })
  closers.add('tokens', () => tokens.close())
  authority.open(tokens)
  const down = async () => {
    await putSetting(db, DOWN_SETTING, true)
    return onDown()
  }
  // Whoever has the token of a standalone may enter whatever it has.
  const mayConnect = async ({ user: name }: { readonly user: string }) => name === config.user
  await serve(options, api, {
    db,
    cluster,
    cache,
    engine,
    metrics,
    sealer,
    replica: REPLICA,
    peering: null,
    localUser: user,
    mayConnect,
    down,
    tokens,
  })
  const url = urlOf(config, api)
  state.announce(url)
  const watching = new AbortController()
  closers.add('watches', () => watching.abort())
  await cache.start(watching.signal)
  const provisioner = startProvisioner(options, { databaseUrl, url, onUnable })
  closers.add('work', () => engine.stop())
  await engine.start()
  void keep(watching.signal)
  void watchClockJumps(clock, log, engine.clockJumped, watching.signal)
  void measureUsage(db, clock, metrics, log, watching.signal)
  void pruneNowAndThen({ db, stateDir: config.stateDir, clock, log, inUse: () => [], leads: () => true }, watching.signal)
  return { db, cluster, cache, engine, url, provisioner }
}

async function startDatabase({ state, clock, log, closers, onLost }: StandaloneOptions): Promise<string> {
  const embedded = await startEmbedded({ state: state.dir, clock, log })
  closers.add('database', () => embedded.close())
  embedded.onExit(onLost)
  return embedded.url
}

/** Whoever runs this owns the workspaces that name no owner. The id is the same at every start. */
function localUser(name: string) {
  const hex = sha256(`bothy-local-user:${name}`)
  const id = [hex.slice(0, 8), hex.slice(8, 12), `4${hex.slice(13, 16)}`, `8${hex.slice(17, 20)}`, hex.slice(20, 32)].join('-')
  return { name, id, fullName: name, email: `${name}@localhost` }
}
