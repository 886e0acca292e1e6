import type { ParameterProblem, TemplateParameter, TemplatePreset } from '../../crds/parameters.ts'
import type { Instant } from '../kernel/clock.ts'
import type { Reason } from '../kernel/reasons.ts'

export type { TemplateParameter, TemplatePreset } from '../../crds/parameters.ts'
export type * from './agent-records.ts'
export type { AgentApp, AgentManifest, AgentMetadata, AgentScript } from './agent-manifests.ts'

/** What the rows of the store look like to everybody else: plain data, instants as milliseconds. */

export type JobKind = 'build' | 'import' | 'look' | 'plan' | 'preview'
export type Transition = 'start' | 'stop' | 'destroy'

/** Order of service. Inside a class the oldest goes first. */
export type JobClass = 'person' | 'chat' | 'clock' | 'background'

export type JobPhase = 'Queued' | 'Running' | 'Canceling' | 'Succeeded' | 'Failed' | 'Canceled'

/** Whom a job is about: a workspace (build, look, plan) or a template (import, preview). */
export interface Subject {
  readonly uid: string
  readonly namespace: string
  readonly name: string
}

/** Everything a provisioner must know that the template's files do not say. No secrets. */
export interface BuildInput {
  readonly owner: { readonly name: string; readonly id: string; readonly fullName: string; readonly email: string }
  readonly template: { readonly uid: string; readonly namespace: string; readonly name: string }
  /** Values of the template's parameters for this build. */
  readonly parameters: Readonly<Record<string, string>>
  /** Values of the newest successful build, for monotonic rules. */
  readonly previousParameters: Readonly<Record<string, string>>
  /** Terraform input variables set by the template. */
  readonly variables: Readonly<Record<string, string>>
  readonly preset: string | null
  /** Carries out exactly this plan. Absent: what terraform finds to do. */
  readonly plan?: { readonly jobId: string; readonly digest: string }
}

export interface NewJob {
  readonly subject: Subject
  readonly digest: string
  readonly reason: Reason
  readonly initiator: string
  readonly class: JobClass
  readonly labels: Readonly<Record<string, string>>
}

export interface NewImport extends NewJob {
  /** Digest of what the import is made of besides the files. */
  readonly inputs?: string
  /** The template's variables; nobody owns a workspace yet. */
  readonly input?: BuildInput
}

export interface NewBuild extends NewJob {
  readonly number: number
  readonly transition: Transition
  readonly requestUid: string | null
  /** Digest of what "today's inputs" compares: version, parameters, preset, variables. */
  readonly inputs: string
  readonly input: BuildInput
}

/** What a start would change, worked out before anything is changed. */
export interface NewPlan extends NewJob {
  readonly transition: 'start'
  readonly requestUid: string | null
  readonly inputs: string
  readonly input: BuildInput
}

export interface Job {
  readonly id: string
  readonly kind: JobKind
  readonly subject: Subject
  readonly number: number | null
  readonly transition: Transition | null
  readonly digest: string
  readonly reason: Reason
  readonly initiator: string
  readonly requestUid: string | null
  readonly class: JobClass
  readonly labels: Readonly<Record<string, string>>
  readonly inputs: string
  readonly input: BuildInput | null
  readonly phase: JobPhase
  readonly queuedAt: Instant
  readonly claimedAt: Instant | null
  readonly startedAt: Instant | null
  readonly finishedAt: Instant | null
  readonly cancelRequestedAt: Instant | null
  readonly cancelBy: string | null
  readonly errorReason: Reason | null
  readonly error: string | null
  readonly provisionerId: string | null
  /** What a finished job learnt; null before. */
  readonly result: JobResult | null
}

export interface JobResult {
  /** Native machines seen by this job: what a look answers. */
  readonly machines?: readonly { readonly type: string; readonly name: string; readonly present: boolean }[]
  /** Addresses of what has changed behind terraform's back. */
  readonly drift?: readonly string[]
  readonly plan?: PlanSummary
  readonly preview?: PreviewAnswer
  /** The one whose machines it had to do with: set where they can be reached from there alone. */
  readonly place?: string
  readonly outputs?: Readonly<Record<string, unknown>>
  readonly resources?: number
  /** Addresses that may exist without being in any state. */
  readonly orphans?: readonly string[]
  readonly stages?: Readonly<Record<string, number>>
  /** The longest first, bounded. */
  readonly timings?: readonly ResourceTiming[]
}

/** How long one resource took. */
export interface ResourceTiming {
  readonly address: string
  readonly action: string
  readonly ms: number
  readonly failed: boolean
}

/** What a template asks once some of it is answered. */
export interface PreviewAnswer {
  readonly parameters: readonly (TemplateParameter & {
    /** null: none was given and it has no default. */
    readonly value: string | null
    /** What is wrong with it. */
    readonly error: string | null
  })[]
  readonly presets: readonly TemplatePreset[]
  /** What belongs to no parameter that is asked: a name or a preset that is not there. */
  readonly problems: readonly ParameterProblem[]
  readonly durationMs: number
}

/** A plan in counts and addresses: no values. */
export interface PlanSummary {
  readonly digest: string
  readonly add: number
  readonly change: number
  readonly destroy: number
  /** Of everything it would touch, as far as there is room. */
  readonly addresses: readonly string[]
  /** Of what outlives a stop and would be destroyed or made anew. */
  readonly lost: readonly string[]
}

/** The newest plan of a workspace. */
export interface PlanRow {
  readonly job: Job
  /** null: nobody has agreed to it. */
  readonly approvedBy: string | null
}

/** A job held under a lease. Every write of its holder names the epoch; zero rows touched means the job is lost. */
export interface Claim {
  readonly job: Job
  readonly provisionerId: string
  readonly epoch: number
}

/** What was on the machine before terraform started, so that a crash can be classified. */
export interface Intent {
  readonly host: string
  readonly folder: string
  readonly pid?: number
  /** Start time of that pid in the kernel's own unit: pids are reused, the pair is not. */
  readonly pidStartedAt?: string
  /** Machines of ours, which are found again by their names. */
  readonly creates: readonly { readonly type: string; readonly name: string }[]
  readonly place?: string
  /** Addresses of everything else that terraform was about to make, as far as there is room. */
  readonly planned?: readonly string[]
}

export interface ProvisionerRow {
  readonly id: string
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly version: string
  readonly capacity: number
  readonly isolation: string
  readonly lastSeenAt: Instant
}

/** A template version, by the digest of its normalised files. Imported once, used many times. */
export interface VersionRow {
  readonly digest: string
  readonly templateUid: string
  readonly importedAt: Instant | null
  /** Set when the newest import of this digest failed. */
  readonly failedAt: Instant | null
  readonly error: string | null
  readonly source: string
  readonly parameters: readonly TemplateParameter[]
  readonly presets: readonly TemplatePreset[]
  /** What else its import found out; null: it was imported before that was asked, or never. */
  readonly facts: VersionFacts | null
}

/** What an import finds out about a version, besides what it asks of a workspace. */
export interface VersionFacts {
  /** Addresses in the configuration (`module.app.docker_container.x`, no index) that a start makes and a stop keeps. */
  readonly persistent: readonly string[]
  /** Those that a start makes and a stop takes away. */
  readonly ephemeral: readonly string[]
  /** Labels that the template asks of the provisioner of its workspaces. */
  readonly tags: Readonly<Record<string, string>>
  readonly providers: readonly {
    readonly source: string
    /** The one that the lock file names; null: it names none. */
    readonly version: string | null
    readonly constraints: string
  }[]
  readonly modules: readonly { readonly address: string; readonly source: string; readonly version: string | null }[]
  /** Names of the agents of a start. */
  readonly agents: readonly string[]
  /** Whether several workspaces of it could be built in one run of terraform. */
  readonly batchable: boolean
  /** `sha256:…` of the lock file; null: it brings none. */
  readonly lock: string | null
  /** What it asks depends on what is answered: only an evaluation with the values can tell. */
  readonly conditional: boolean
  /** Prebuilt workspaces that presets wish for, by the name of the preset. */
  readonly prebuilds: Readonly<Record<string, number>>
}

export interface LogRow {
  readonly id: string
  readonly jobId: string
  readonly at: Instant
  readonly stage: string
  /** The agent that said it, and which of its scripts; null: the build itself. */
  readonly agent: string | null
  readonly source: string | null
  readonly level: 'debug' | 'info' | 'warn' | 'error'
  readonly text: string
}

export type Weekday = 'Mon' | 'Tue' | 'Wed' | 'Thu' | 'Fri' | 'Sat' | 'Sun'

/** When workspaces of a template stop, start and go by themselves. 0 ms: off, or never. */
export interface PolicyRow {
  readonly ttlMs: number
  /** Whether a workspace may choose its own ttl. */
  readonly ownTtl: boolean
  readonly activityBumpMs: number
  readonly idleAfter: { readonly defaultMs: number; readonly minMs: number; readonly maxMs: number }
  readonly maxHoldMs: number
  readonly autostart: { readonly allowed: boolean; readonly days: readonly Weekday[] }
  readonly requirement: { readonly days: readonly Weekday[]; readonly weeks: number }
  readonly failureTtlMs: number
  readonly dormantAfterMs: number
  readonly deleteDormantAfterMs: number
}

/** What happened to a workspace that its rules must remember. Written whole, by whoever read its revision. */
export interface LifeRow {
  /** 0: nothing is kept yet. */
  readonly revision: number
  /** The template's policy as it was seen last. */
  readonly policy: PolicyRow | null
  /** The number of the start that the deadlines belong to. */
  readonly deadlineBuild: number | null
  /** By ttl, moved by use and by people. */
  readonly deadlineAt: Instant | null
  /** By a required stop. */
  readonly maxDeadlineAt: Instant | null
  /** What the required stop was computed from. */
  readonly requirement: string | null
  /** The stop that people were warned of. */
  readonly warnedAt: Instant | null
  readonly holdUntil: Instant | null
  readonly holdReason: string | null
  readonly holdBy: string | null
  readonly dormantAt: Instant | null
  readonly deletingAt: Instant | null
  readonly deleteDormantAfterMs: number | null
  /** Counts as use, as leaving dormancy does. */
  readonly usedAt: Instant | null
  /** The autostart as it is declared, with its zone, and since when. */
  readonly schedule: string | null
  readonly scheduleSeenAt: Instant | null
  /** The autostart that people were told was missed. */
  readonly missedAt: Instant | null
  readonly suspended: boolean
  /** When the owner was active again. */
  readonly restoredAt: Instant | null
  readonly power: 'Auto' | 'Running' | 'Stopped' | null
  /** When power became Auto. */
  readonly autoAt: Instant | null
}
