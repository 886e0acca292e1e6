import { join } from 'node:path'
import { CONNECT_PATH } from '../agent/protocol.ts'
import type { Authority, Check, Keys } from './api/ports.ts'
import type { AppsPorts } from './apps/ports.ts'
import { openApi, type Api } from './api/server.ts'
import type { Cache, Cluster } from './cluster/port.ts'
import { VERSION, type Config } from './config.ts'
import { createConnections, type Connections } from './connect/connections.ts'
import { hostKeyOf } from './connect/host-key.ts'
import { openLocalDoor } from './connect/local-door.ts'
import { givenKeys, keepGiven, type GivenKeys } from './given-certificate.ts'
import type { Clock } from './kernel/clock.ts'
import { Refused } from './kernel/errors.ts'
import type { Log } from './kernel/log.ts'
import type { Metrics } from './kernel/metrics.ts'
import { keyOf } from './kernel/names.ts'
import { agentProgram } from './program/program.ts'
import type { Engine } from './reconcile/engine.ts'
import { ownerSeen } from './reconcile/owner/seen.ts'
import type { Ports } from './reconcile/ports.ts'
import { isWorkspace } from './reconcile/workspace/observe.ts'
import type { Closers } from './shutdown.ts'
import type { AgentManifest } from './store/agent-manifests.ts'
import { openedManifest } from './store/sealed-manifest.ts'
import type { Db } from './store/pool.ts'
import type { Tokens } from './store/tokens.ts'
import type { Subject } from './store/records.ts'
import type { Sealer } from './store/sealed.ts'
import { openBrowserSide } from './browser-side.ts'
import type { StateFolder } from './state.ts'
import { databaseCheck, diskCheck } from './upkeep.ts'

/** What people, agents and browsers are answered with, in every way to run a control plane. */

/** What every part of one control plane is given. */
export interface Running {
  readonly config: Config
  readonly state: StateFolder
  readonly clock: Clock
  readonly log: Log
  /** Told what to close, as soon as there is something: a start that fails half way leaves nothing behind. */
  readonly closers: Closers
}

export interface Served {
  readonly db: Db
  readonly cluster: Cluster
  /** The API server that keeps the objects; absent: this control plane does. */
  readonly objectsAt?: string
  readonly cache: Cache
  readonly engine: Pick<Engine, 'explain' | 'simulate' | 'depth'>
  readonly metrics: Metrics
  readonly sealer: Sealer
  /** Who holds the connection of an agent. */
  readonly replica: string
  /** Where other replicas reach this one; null: it is the only one. */
  readonly peering: { readonly host: string; readonly port: number } | null
  readonly localUser: Ports['localUser']
  /** Who may enter a workspace, and so use every app of it. */
  readonly mayConnect: AppsPorts['mayConnect']
  /** Rights may have changed elsewhere: what goes on is looked at. Absent: they never do. */
  readonly onRightsChanged?: (listener: () => void) => () => void
  readonly down: (user: string) => Promise<unknown>
  /** What else must be well before it is ready. */
  readonly checks?: readonly Check[]
  /** Made for a purpose. Absent: the cluster has them. */
  readonly tokens?: Tokens
}

/** First of all, so that whoever looks on while the database starts or a migration runs is told so. */
export async function openDoor({ config, clock, log, closers }: Running, metrics: Metrics, authority: Authority, own?: Keys): Promise<Api> {
  const { host, port, tls, insecure } = config
  const door = { clock, log, metrics, version: VERSION, authority }
  const api = await openApi(door, { host, port, tls: tls && givenKeys(tls), insecure, hosts: hostsOf(config), ...(own ? { own } : {}) })
  closers.add('http', () => api.close())
  return api
}

/** By which it is known, besides those of loopback. */
export const hostsOf = ({ hosts, accessUrl }: Config): readonly string[] => [...hosts, ...(accessUrl ? [new URL(accessUrl).hostname] : [])]

export const urlOf = ({ tls }: Config, { host, port }: Api): string =>
  `${tls ? 'https' : 'http'}://${host.includes(':') ? `[${host}]` : host}:${port}`

export async function serve(running: Running, api: Api, served: Served): Promise<Connections> {
  const { config, state, clock, log, closers } = running
  const { db, cluster, cache, engine, metrics, sealer, replica, mayConnect, down, objectsAt, tokens } = served
  const barred = barredFrom(cache, served.localUser)
  const peering = served.peering && { peering: { ...served.peering, key: sealer.derive('replicas') } }
  const opened = (agentId: string, manifest: AgentManifest) => openedManifest(sealer, agentId, manifest)
  const hostKey = (uid: string, name: string) => hostKeyOf(sealer.derive, uid, name)
  const connections = await createConnections({ db, clock, log, metrics, replica, barred, hostKey, opened, ...peering })
  cache.onChange((_key, { kind }) => (kind === 'Owner' ? connections.review() : undefined))
  const localDoor = await openLocalDoor({ folder: join(state.dir, 'door'), upgrade: connections.upgrade, log })
  const over = new AbortController()
  closers.add('agents', async () => {
    over.abort()
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
    mayConnect,
    ...(served.onRightsChanged ? { onRightsChanged: served.onRightsChanged } : {}),
    sealer,
    ...where,
  })
  const renew = (keys: GivenKeys) => {
    api.renew(keys)
    browser.renew(keys)
  }
  if (config.tls) void keepGiven({ clock, log }, config.tls, renew, over.signal)
  api.open({
    browser,
    cluster,
    ...(objectsAt === undefined ? {} : { objectsAt }),
    ...(tokens ? { tokens } : {}),
    db,
    checks: [databaseCheck(db, clock), diskCheck(state.dir), ...(served.checks ?? [])],
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
    down,
    enter: connections.enter,
    hostKeys: connections.hostKeys,
    portsOf: connections.portsOf,
    files: connections.files,
    connect: { path: CONNECT_PATH, upgrade: connections.upgrade },
  })
  return connections
}

/** Nobody enters what a suspended owner has: what goes on there ends, and is told so when it comes back. */
const barredFrom =
  (cache: Cache, localUser: Ports['localUser']) =>
  ({ namespace, name }: Subject): Refused | null => {
    const workspace = cache.get('Workspace', namespace, name)
    if (!workspace || !isWorkspace(workspace) || !ownerSeen(cache, workspace.spec.owner, localUser).suspended) return null
    const message = `The owner of workspace ${name} is suspended.`
    return new Refused('Forbidden', message, { kind: 'workspaces', name, causes: [{ reason: 'Suspended', message, field: 'spec.owner' }] })
  }
