import type { Child } from './child.ts'
import { createCache } from './cluster/cache.ts'
import { connectKubernetes, type KubernetesConnection } from './cluster/kubernetes-connection.ts'
import { openKubernetes } from './cluster/kubernetes.ts'
import { IN_CLUSTER } from './cluster/kubernetes-context.ts'
import type { Cache, Cluster, Resource } from './cluster/port.ts'
import { createPublished, type Published } from './cluster/published.ts'
import { watchReachable } from './cluster/reachable.ts'
import { withReferenced, type Reference } from './cluster/referenced.ts'
import { openReviews } from './cluster/reviews.ts'
import { VERSION } from './config.ts'
import { isRefused, messageOf, Misconfigured, Refused, Transient } from './kernel/errors.ts'
import type { Clock } from './kernel/clock.ts'
import { watchClockJumps } from './kernel/clock-jumps.ts'
import type { Log } from './kernel/log.ts'
import { createMetrics, type Metrics } from './kernel/metrics.ts'
import { randomSuffix } from './kernel/names.ts'
import { startProvisioner } from './provisioner-child.ts'
import { INDEXES } from './reconcile/indexes.ts'
import { KINDS } from './reconcile/kinds.ts'
import { createVariables } from './reconcile/variables.ts'
import type { Leading } from './reconcile/leading.ts'
import { storePorts } from './reconcile/store-ports.ts'
import { isTemplate } from './reconcile/workspace/template-seen.ts'
import { isWorkspace } from './reconcile/workspace/observe.ts'
import { openDoor, serve, urlOf, type Running } from './serve.ts'
import { startEmbedded } from './store/embedded.ts'
import { createKeptValues } from './store/kept-values.ts'
import { migrate } from './store/migrate.ts'
import { openDb, type Db } from './store/pool.ts'
import { openKey } from './store/sealed.ts'
import { measureUsage } from './store/usage.ts'
import { openTerms, type Terms } from './terms.ts'
import { measure, pruneNowAndThen } from './upkeep.ts'

/** Builds every port of one control plane in a cluster: objects are the API server's, what happened is Postgres's. */
export interface InCluster {
  readonly db: Db
  readonly cluster: Cluster
  readonly cache: Cache
  readonly terms: Terms
  readonly connection: KubernetesConnection
  readonly url: string
  /** Where this process has one. */
  readonly provisioner: Child | null
}

export interface InClusterOptions extends Running {
  /** Starts a provisioner too, and a database where none is named: one process for a trial. */
  readonly withProvisioner: boolean
  readonly onUnable: (why: string) => void
  readonly onLost: (why: string) => void
}

const CONNECTIONS_MAX = 16
const LEASE = 'reconcile'
const GROUP_PATH = '/apis/bothy.dev/v1alpha1'
const LIST_LIMIT_MS = 5000

export async function openInCluster(options: InClusterOptions): Promise<InCluster> {
  const { config, state, clock, log, closers, withProvisioner, onUnable } = options
  const metrics = createMetrics()
  const connection = await connectKubernetes({
    ...config.kubernetes,
    environment: config.environment,
    clock,
    userAgent: `bothy-controller/${VERSION}`,
    metrics,
  })
  closers.add('connection to the cluster', () => connection.close())
  const authority = openReviews({ connection, clock, log, metrics })
  const api = await openDoor(options, metrics, authority)
  await refuseWithoutKinds(connection, log)
  const databaseUrl = config.databaseUrl ?? (await trialDatabase(options))
  const db = openDb(databaseUrl, { log, clock, max: CONNECTIONS_MAX })
  closers.add('connections to the database', () => db.close())
  await migrate(db, log)
  const sealer = await openKey({ file: state.keyFile, env: config.key ?? undefined, db })
  measure(db, metrics)
  const { cluster, close } = await openKubernetes({ connection, clock, log, metrics })
  closers.add('objects', close)
  const cache = followed(cluster, clock, log)
  const variables = createVariables({ cluster, kept: createKeptValues(db, sealer, clock), own: null, clock })
  const url = urlOf(config, api)
  const terms = openTerms({
    besides: publishedOutside(options, connection, url),
    leading: { db, clock, log, metrics, name: LEASE, holder: config.replica, able: () => reachable.now },
    cache,
    engineOptions: ({ fenced }) => ({
      kinds: KINDS,
      ports: { cluster, cache, store: storePorts(db, fenced), variables, localUser: null },
      clock,
      log,
      metrics,
      random: Math.random,
      onKeys: (listener, missed) => db.listen('bothy_keys', listener, missed),
    }),
  })
  const watching = new AbortController()
  closers.add('watches', () => watching.abort())
  const reachable = watchReachable({ connection, clock, log }, watching.signal)
  let isRead = false
  await serve(options, api, {
    db,
    cluster,
    checks: [{ name: 'cluster', look: async () => cache.unread() ?? (isRead ? null : 'what is declared there could not be read yet') }],
    objectsAt: connection.server,
    cache,
    engine: terms.engine,
    metrics,
    sealer,
    replica: config.replica,
    peering: config.peering,
    localUser: null,
    mayConnect: async (person, { namespace, name }) => (await authority.authorize(person, toConnect(namespace, name))) === null,
    onRightsChanged: authority.onChanged,
    down: notBroughtDown,
  })
  state.announce(url)
  await cache.start(watching.signal)
  if (watching.signal.aborted) throw new Transient('it was told to end before it had begun')
  isRead = true
  const leading = terms.begin()
  const provisioner = withProvisioner ? startProvisioner(options, { databaseUrl, url, onUnable }) : null
  closers.add('work', () => leading.close())
  keepUp(options, { db, metrics, cache, terms, leading }, watching.signal)
  return { db, cluster, cache, terms, connection, url, provisioner }
}

interface Kept {
  readonly db: Db
  readonly metrics: Metrics
  readonly cache: Cache
  readonly terms: Terms
  readonly leading: Leading
}

function keepUp({ config, clock, log }: Running, { db, metrics, cache, terms, leading }: Kept, over: AbortSignal): void {
  void watchClockJumps(clock, log, terms.engine.clockJumped, over)
  void measureUsage(db, clock, metrics, log, over)
  const pruning = { db, stateDir: config.stateDir, clock, log, inUse: () => versionsNamed(cache), leads: () => leading.leads }
  void pruneNowAndThen(pruning, over)
}

/** In the cluster it is deployed with an address; that of a controller elsewhere nobody else would know. */
function publishedOutside({ config, clock, log, closers }: Running, connection: KubernetesConnection, url: string): Published | null {
  if (connection.context === IN_CLUSTER) return null
  const { replica, systemNamespace: namespace, accessUrl } = config
  const mark = `${replica}-${randomSuffix(8)}`
  const published = createPublished({ connection, clock, log, namespace, url: accessUrl ?? url, mark })
  closers.add('address', () => published.close())
  return published
}

async function notBroughtDown(): Promise<never> {
  throw new Refused('MethodNotAllowed', 'a control plane of a cluster is not brought down by a person: stop workspaces, or scale it')
}

const followed = (cluster: Cluster, clock: Clock, log: Log): Cache =>
  withReferenced(createCache({ cluster, clock, log }, ['Template', 'Workspace', 'WorkspaceRequest', 'Owner'], INDEXES), {
    cluster,
    clock,
    log,
    kind: 'ConfigMap',
    referenceOf: configMapOf,
  })

async function trialDatabase({ state, clock, log, closers, withProvisioner, onLost }: InClusterOptions): Promise<string> {
  if (!withProvisioner)
    throw new Misconfigured('DATABASE_URL is missing: name a Postgres that all replicas use, or try it with --with-provisioner')
  const embedded = await startEmbedded({ state: state.dir, clock, log })
  closers.add('database', () => embedded.close())
  embedded.onExit(onLost)
  return embedded.url
}

/** Whoever's it is: an owner has the right by the roles of their namespace, as everybody else. */
const toConnect = (namespace: string, name: string) => ({
  verb: 'connect',
  group: 'bothy.dev',
  resource: 'workspaces',
  subresource: null,
  namespace,
  name,
  path: '',
})

/** What must stay although no build of it is kept: it is active, pinned, or a workspace's own. */
const versionsNamed = (cache: Cache): string[] =>
  [
    ...cache.list('Template').flatMap((each) => (isTemplate(each) ? [each.status?.activeVersion?.digest, each.spec.version.digest] : [])),
    ...cache.list('Workspace').flatMap((each) => (isWorkspace(each) ? [each.spec.template.digest, each.status?.template?.digest] : [])),
  ].filter((digest) => digest !== undefined)

const configMapOf = (object: Resource): Reference | null =>
  isTemplate(object) && object.spec.source.type === 'ConfigMap'
    ? { namespace: object.metadata.namespace ?? '', name: object.spec.source.configMap.name }
    : null

/** Without them, or as nobody, every list fails for ever, and nobody would say why. */
async function refuseWithoutKinds(connection: KubernetesConnection, log: Running['log']): Promise<void> {
  try {
    await connection.request({ method: 'GET', path: GROUP_PATH, timeoutMs: LIST_LIMIT_MS })
  } catch (error) {
    if (isRefused(error, 'Unauthorized'))
      throw new Misconfigured(
        `${connection.server} does not take the credentials of context ${connection.context}: they are over, or of another cluster; log in again`,
      )
    if (isRefused(error, 'NotFound'))
      throw new Misconfigured(`${connection.server} does not know our kinds: kubectl apply -k crds, from a checkout, makes them known`)
    // It may be away for a moment; the watches come back by themselves.
    log.warn('the cluster does not answer yet', { server: connection.server, error: messageOf(error) })
  }
}
