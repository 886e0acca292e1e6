import { NO_LIFE } from '../../controller/reconcile/workspace/life.ts'
import { isInFlight, isSucceededStart } from '../../controller/reconcile/workspace/builds.ts'
import {
  type AgentSeen,
  type RequestSeen,
  type Seen,
  type TemplateSeen,
  type WorkspaceSeen,
} from '../../controller/reconcile/workspace/seen.ts'
import type { Job, LifeRow, PolicyRow } from '../../controller/store/records.ts'
import { template, V2, version } from '../decide/worlds.ts'

/** The world as it is: what is declared, what the store keeps, which machines run, and who works where. */

export const SECOND = 1000
export const MINUTE = 60 * SECOND
export const HOUR = 60 * MINUTE
export const DAY = 24 * HOUR

export interface Connection {
  /** The agent of the machine that runs now. */
  agent: AgentSeen
  connected: boolean
  /** It was last connected, and told what it knows. */
  heardAt: number
}

export interface Place {
  readonly key: string
  readonly name: string
  uid: string
  createdAt: number
  owner: number
  template: number
  declared: Pick<WorkspaceSeen, 'power' | 'schedule' | 'parameters' | 'paused' | 'updates'>
  deleting: boolean
  gone: boolean
  finalizer: boolean
  builds: Job[]
  look: Job | null
  life: LifeRow
  connection: Connection | null
  /** Whether its machine is there, whatever anybody believes. */
  machine: boolean
  before: WorkspaceSeen['before']
  requests: RequestSeen[]
  /** Somebody works here until then. */
  worksUntil: number
  /** When somebody really used it last. */
  usedAt: number | null
  /** Evidence that has reached the store. */
  toldUsedAt: number | null
  turns: number
  /** Something changed that nobody has looked at yet. */
  dirty: boolean
  /** The first look that is to come. */
  lookAt: number
  /** When its schedule or policy was changed last. */
  editedAt: number
  readonly trace: string[]
}

export interface Owner {
  suspended: boolean
  readonly timezone: string
  readonly quietHours: string
}

export interface World {
  readonly places: Place[]
  readonly owners: Owner[]
  readonly templates: TemplateSeen[]
  provisionerUp: boolean
  /** The last heartbeat before it went away. */
  provisionerSeenAt: number
  controllerStartedAt: number
  clockJumpedAt: number | null
}

const HEARTBEAT = 60 * SECOND
const REPORT = 30 * SECOND
/** Of what is expected of an agent that is connected: nobody is woken by its mere presence. */
const WHILE_CONNECTED = 40 * DAY

const VERSIONS = [version(), version({ digest: V2 })]

export const provisionerSeenAt = (world: World, now: number): number =>
  world.provisionerUp ? Math.max(world.provisionerSeenAt, now - (now % HEARTBEAT)) : world.provisionerSeenAt

/** What the agent's newest report said, and when. */
function agentSeen({ agent, connected, heardAt }: Connection, now: number): AgentSeen {
  const saidAt = connected ? Math.max(now - (now % REPORT), heardAt) : heardAt
  return {
    ...agent,
    status: connected
      ? 'Connected'
      : agent.firstConnectedAt === null
        ? now - agent.createdAt > agent.connectionTimeoutMs
          ? 'Timeout'
          : 'Connecting'
        : 'Disconnected',
    lastSeenAt: connected ? now + WHILE_CONNECTED : agent.firstConnectedAt === null ? null : heardAt,
    disconnectedAt: connected || agent.firstConnectedAt === null ? null : heardAt,
    reportedAt: agent.firstConnectedAt === null ? null : saidAt,
  }
}

/** Where people work now, reports tell of it. */
export function hear(place: Place, now: number): void {
  const { connection } = place
  if (!connection?.connected || connection.agent.lifecycle !== 'Ready') return
  if (place.worksUntil > (place.usedAt ?? 0)) place.usedAt = Math.min(now, place.worksUntil)
  const saidAt = now - (now % REPORT)
  if (place.usedAt !== null && saidAt >= (connection.agent.readyAt ?? 0)) {
    place.toldUsedAt = Math.max(place.toldUsedAt ?? 0, Math.min(place.usedAt, saidAt))
  }
}

export function observe(world: World, place: Place, now: number): Seen {
  hear(place, now)
  const owner = world.owners[place.owner]!
  const seen = world.templates[place.template]!
  const at = place.toldUsedAt
  return {
    workspace: {
      namespace: 'default',
      name: place.name,
      uid: place.uid,
      createdAt: place.createdAt,
      deleting: place.deleting,
      hasFinalizer: place.finalizer,
      abandoned: false,
      sourceError: null,
      template: { name: seen.name, namespace: 'default', digest: null },
      preset: null,
      approval: 'Auto',
      deletionPolicy: 'Destroy',
      before: place.before,
      ...place.declared,
    },
    owner: { identity: IDENTITY, suspended: owner.suspended, timezone: owner.timezone, quietHours: owner.quietHours },
    broughtDown: false,
    template: seen,
    versions: VERSIONS,
    requests: [...place.requests],
    builds: place.builds,
    look: place.look,
    plan: null,
    agents: place.connection ? [agentSeen(place.connection, now)] : [],
    provisioners: [
      { id: 'p1', name: 'p1', labels: {}, version: '1', capacity: 100, isolation: 'none', lastSeenAt: provisionerSeenAt(world, now) },
    ],
    activity: { lastUsedAt: at, sources: at === null ? [] : [{ kind: 'Terminal', at, by: 'ada' }] },
    life: place.life,
    controllerStartedAt: world.controllerStartedAt,
    clockJumpedAt: world.clockJumpedAt,
  }
}

const IDENTITY = { name: 'ada', id: 'ada-id', fullName: 'Ada', email: 'ada@localhost' }

export const inFlight = (place: Place): Job | undefined => place.builds.find(isInFlight)

const BUILDS_MAX = 25

/** As the store answers: the newest, and the newest succeeded start however old. */
export function withBuild(place: Place, job: Job): void {
  const kept = place.builds.slice(0, BUILDS_MAX - 1)
  const start = place.builds.find(isSucceededStart)
  place.builds = [job, ...kept, ...(start && !kept.includes(start) ? [start] : [])]
}

export function replaceBuild(place: Place, id: string, change: Partial<Job>): void {
  place.builds = place.builds.map((job) => (job.id === id ? { ...job, ...change } : job))
}

export const newPlace = (i: number, now: number, declared: Place['declared'], owner: number, of: number): Place => ({
  key: `Workspace/default/w${i}`,
  name: `w${i}`,
  uid: `uid-${i}-0`,
  createdAt: now,
  owner,
  template: of,
  declared,
  deleting: false,
  gone: false,
  finalizer: false,
  builds: [],
  look: null,
  life: NO_LIFE,
  connection: null,
  machine: false,
  before: { conditions: [], build: null, activity: null },
  requests: [],
  worksUntil: 0,
  usedAt: null,
  toldUsedAt: null,
  turns: 0,
  dirty: true,
  lookAt: Number.POSITIVE_INFINITY,
  editedAt: now,
  trace: [],
})

export const templateNamed = (name: string, policy: PolicyRow): TemplateSeen => template({ name, uid: `uid-${name}`, policy })
