import type { Cluster, Resource, Writer } from '../cluster/port.ts'
import type { Instant } from '../kernel/clock.ts'
import type { Key } from '../kernel/names.ts'
import type { TemplateFile } from '../../crds/files.ts'
import type { Variables } from './variables.ts'
import type { ActivitySeen } from '../store/activity.ts'
import type {
  AgentRow,
  BuildInput,
  Job,
  LifeRow,
  NewBuild,
  NewImport,
  NewJob,
  NewPlan,
  PlanRow,
  ProvisionerRow,
  VersionRow,
} from '../store/records.ts'

/** The objects as they are, our own last writes included. Reads cost nothing. */
export interface Objects {
  get(kind: string, namespace: string, name: string): Resource | undefined
  list(kind: string, namespace?: string): readonly Resource[]
}

/** What happened, and the ways to make something happen. */
export interface Store {
  /** Newest first, bounded, and the newest succeeded start however old. */
  builds(workspaceUid: string): Promise<readonly Job[]>
  newestLook(workspaceUid: string): Promise<Job | null>
  newestPlan(workspaceUid: string): Promise<PlanRow | null>
  agents(workspaceUid: string): Promise<readonly AgentRow[]>
  provisioners(): Promise<readonly ProvisionerRow[]>
  version(templateUid: string, digest: string): Promise<VersionRow | null>
  /** Newest first. */
  versions(templateUid: string, limit: number): Promise<readonly VersionRow[]>
  newestImport(templateUid: string, digest: string): Promise<Job | null>
  isBroughtDown(): Promise<boolean>
  /** null: it was never used. */
  activity(workspaceUid: string): Promise<ActivitySeen | null>
  /** null: nothing is kept of it yet. */
  life(workspaceUid: string): Promise<LifeRow | null>
  /** false: it was changed since it was read. */
  keepLife(workspaceUid: string, workspaceKey: Key, life: LifeRow): Promise<boolean>
  forgetLife(workspaceUid: string): Promise<void>
  /** false: another was first, or what is remembered has changed since `lifeRevision`; nothing is wrong. */
  queueBuild(build: NewBuild, lifeRevision: number | null): Promise<boolean>
  queueImport(job: NewImport): Promise<void>
  queueLook(job: NewJob): Promise<void>
  queuePlan(plan: NewPlan): Promise<void>
  /** Somebody agrees to a plan; the first counts. */
  approvePlan(jobId: string, by: string): Promise<void>
  requestCancel(jobId: string, by: string): Promise<void>
  wishShutdown(workspaceUid: string): Promise<void>
  keepFiles(digest: string, files: readonly TemplateFile[]): Promise<void>
  /** Makes a version known before it is imported, with where its files came from. */
  keepVersion(templateUid: string, digest: string, source: string): Promise<void>
}

export interface Ports {
  readonly cluster: Cluster
  readonly objects: Objects
  readonly store: Store
  readonly variables: Variables
  /** Owns what names no owner, where there is one person only. */
  readonly localUser: BuildInput['owner'] | null
  /** When this controller began to look: agents need a moment to find it. */
  readonly startedAt: Instant
  /** When the clock last jumped, as after a sleep of the machine. */
  readonly clockJumpedAt: Instant | null
}

export const WRITER: Writer = { manager: 'bothy-controller', user: 'bothy-controller' }
