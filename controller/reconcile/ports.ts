import type { Cluster, Resource, Writer } from '../cluster/port.ts'
import type { Instant } from '../kernel/clock.ts'
import type { Key } from '../kernel/names.ts'
import type { TemplateFile } from '../../crds/files.ts'
import type { Variables } from './variables.ts'
import type { ActivitySeen } from '../store/activity.ts'
import type { History } from '../store/build-histories.ts'
import type {
  AgentRow,
  BuildInput,
  Job,
  LifeRow,
  NewBuild,
  NewImport,
  NewJob,
  NewPlan,
  ProvisionerRow,
  VersionRow,
} from '../store/records.ts'

/** The objects as they are, our own last writes included. Reads cost nothing. */
export interface Objects {
  get(kind: string, namespace: string, name: string): Resource | undefined
  list(kind: string, namespace?: string): readonly Resource[]
  /** In no order; the indexes are in `indexes.ts`. */
  by(kind: string, index: string, key: string): readonly Resource[]
}

/** What is known of a workspace besides what is declared, all of one moment. */
export interface Facts extends History {
  readonly agents: readonly AgentRow[]
  /** null: it was never used. */
  readonly activity: ActivitySeen | null
  /** null: nothing is kept of it yet. */
  readonly life: LifeRow | null
  readonly provisioners: readonly ProvisionerRow[]
  /** `bothy down` was asked. */
  readonly broughtDown: boolean
}

/** What happened, and the ways to make something happen. */
export interface Store {
  facts(workspaceUid: string): Promise<Facts>
  provisioners(): Promise<readonly ProvisionerRow[]>
  version(templateUid: string, digest: string): Promise<VersionRow | null>
  /** Newest first. */
  versions(templateUid: string, limit: number): Promise<readonly VersionRow[]>
  newestImport(templateUid: string, digest: string): Promise<Job | null>
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
