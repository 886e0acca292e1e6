import type { StoredCondition } from '../../status/conditions.ts'
import type { Instant } from '../../kernel/clock.ts'
import type { ActivitySeen } from '../../store/activity.ts'
import type { AppHealth } from '../../store/agent-manifests.ts'
import type {
  AgentRow,
  AgentStatus,
  BuildInput,
  Job,
  LifeRow,
  PlanRow,
  PolicyRow,
  ProvisionerRow,
  VersionRow,
} from '../../store/records.ts'

/** Everything a workspace's rules may look at, as plain data. What is not in here cannot influence a decision. */
export interface Seen {
  readonly workspace: WorkspaceSeen
  readonly owner: OwnerSeen
  /** `bothy down` was asked and `bothy up` has not taken it back. */
  readonly broughtDown: boolean
  readonly template: TemplateSeen | null
  /** The versions this decision may need, of this template. */
  readonly versions: readonly VersionRow[]
  /** Requests that name this workspace. */
  readonly requests: readonly RequestSeen[]
  /** Newest first. Bounded, but the newest succeeded start is always among them. */
  readonly builds: readonly Job[]
  readonly look: Job | null
  /** The newest plan; null where nobody has to agree to any. */
  readonly plan: PlanSeen | null
  /** Agents of the newest state. */
  readonly agents: readonly AgentSeen[]
  readonly provisioners: readonly ProvisionerRow[]
  /** Who used it, and when. */
  readonly activity: ActivitySeen
  /** What its rules remember, as it was kept last. */
  readonly life: LifeRow
  readonly controllerStartedAt: Instant
  /** When the clock last jumped: agents may speak before anything is stopped. */
  readonly clockJumpedAt: Instant | null
}

export type PlanSeen = PlanRow

export interface WorkspaceSeen {
  readonly namespace: string
  readonly name: string
  readonly uid: string
  readonly createdAt: Instant
  readonly deleting: boolean
  readonly hasFinalizer: boolean
  readonly paused: boolean
  readonly abandoned: boolean
  /** What its source says is wrong with its declaration: the last good one is kept. */
  readonly sourceError: string | null
  readonly template: { readonly name: string; readonly namespace: string; readonly digest: string | null }
  readonly preset: string | null
  readonly parameters: Readonly<Record<string, string>>
  readonly power: 'Auto' | 'Running' | 'Stopped'
  readonly schedule: {
    readonly autostart: string | null
    /** null: what the template says. 0: never. */
    readonly ttlMs: number | null
    readonly idleAfterMs: number | null
    readonly timezone: string | null
  }
  readonly updates: 'Manual' | 'Automatic'
  readonly approval: 'Auto' | 'Plan' | 'PlanIfDestroys'
  readonly deletionPolicy: 'Destroy' | 'Orphan'
  /** As written after the last look: events are told when one of these changes. */
  readonly before: {
    readonly conditions: readonly StoredCondition[]
    readonly build: { readonly number: number; readonly phase: string } | null
    readonly activity: ActivitySeen | null
  }
}

export interface OwnerSeen {
  /** null: nobody is named, and there is no local user to stand in. */
  readonly identity: BuildInput['owner'] | null
  readonly suspended: boolean
  readonly timezone: string
  /** HH:MM, in that zone. */
  readonly quietHours: string
}

export interface TemplateSeen {
  readonly uid: string
  readonly namespace: string
  readonly name: string
  readonly deleting: boolean
  readonly activeDigest: string | null
  /** Why it has no active version yet, and whether waiting may help. */
  readonly problem: { readonly message: string; readonly stalled: boolean } | null
  readonly requireActiveVersion: boolean
  readonly approval: 'Auto' | 'Plan' | 'PlanIfDestroys'
  readonly drift: { readonly intervalMs: number; readonly corrects: boolean }
  readonly labels: Readonly<Record<string, string>>
  readonly allowedNamespaces: readonly string[]
  readonly deprecated: string
  readonly policy: PolicyRow
  readonly variables: Readonly<Record<string, string>>
  /** A variable whose value could not be found. */
  readonly variablesProblem: string | null
}

export type RequestAction = 'Start' | 'Stop' | 'Restart' | 'Extend' | 'Hold' | 'Approve' | 'CancelBuild'

export interface RequestSeen {
  readonly name: string
  readonly uid: string
  readonly createdAt: Instant
  readonly action: RequestAction
  /** The workspace it was bound to at first sight. */
  readonly boundUid: string | null
  readonly declared: boolean
  /** Of Extend and Hold. */
  readonly until: Instant | null
  readonly forMs: number | null
  /** Of Approve: the plan that was looked at. */
  readonly planDigest: string | null
  /** What a hold is for. */
  readonly why: string | null
  readonly answer: { readonly succeeded: boolean; readonly reason: string } | null
}

export interface AgentSeen extends Pick<
  AgentRow,
  | 'id'
  | 'name'
  | 'createdAt'
  | 'firstConnectedAt'
  | 'connectedAt'
  | 'disconnectedAt'
  | 'lastSeenAt'
  | 'lifecycle'
  | 'message'
  | 'shutdownRequestedAt'
  | 'readyAt'
  | 'reportedAt'
> {
  readonly status: AgentStatus
  readonly connectionTimeoutMs: number
  /** What it offers to people, in their order. */
  readonly apps: readonly AppSeen[]
}

export interface AppSeen {
  readonly slug: string
  readonly health: AppHealth
  /** Of a link that leaves the control plane; null: the control plane leads there. */
  readonly externalUrl: string | null
  /** A command has no address. */
  readonly command: boolean
}

export const FINALIZER = 'bothy.dev/destroy'
/** In `cancelBy`: a build we cancelled ourselves is no choice of a person. */
export const CONTROLLER = 'bothy-controller'
