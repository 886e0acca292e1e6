import type { ContainerMachines, PodMachines } from './machine-ports.ts'

/**
 * What the provider needs from whoever serves it. One host belongs to one build: the socket it is served on is the
 * build's identity. The provider decides nothing about the world; it asks these hands.
 */

export interface Identity {
  readonly transition: 'start' | 'stop' | 'destroy'
  readonly buildId: string
  readonly workspace: { readonly id: string; readonly name: string }
  readonly owner: {
    readonly id: string
    readonly name: string
    readonly fullName: string
    readonly email: string
    readonly groups: readonly string[]
    readonly roles?: readonly { readonly name: string; readonly organizationId: string }[]
    readonly loginType?: string
    readonly sshKey?: { readonly publicKey: string; readonly privateKey: string }
    /** Of the control plane, and of the identity provider. */
    readonly sessionToken?: string
    readonly oidcToken?: string
  }
  readonly template: { readonly id: string; readonly name: string; readonly version: string }
  /** Explicit values by parameter name; a name that is absent falls back to the default. */
  readonly parameters: Values
  readonly previousParameters: Values
  /** Where agents and browsers reach the control plane. */
  readonly accessUrl: string
  /** Reading a template with no workspace behind it: a parameter that has no value gets a stand-in of its type instead of an error. */
  readonly importing?: boolean
  /** Somebody is still filling in the form: values that are wrong are told of, and do not end the run. */
  readonly previewing?: boolean
  /** A workspace that nobody owns yet waits; the build that gives it to somebody claims it. */
  readonly prebuild?: 'waiting' | 'claimed'
  /** Tokens by the name of the service. */
  readonly externalAuth?: Values
  /** By `env:NAME` or `file:PATH`. */
  readonly secrets?: Values
  readonly task?: { readonly id: string; readonly prompt: string }
  /** By agent: the token of one that runs already, which a claim must not cut off. */
  readonly runningAgentTokens?: Values
  /** By `OS_ARCH`, in place of ours; `${ACCESS_URL}` and `${AUTH_TYPE}` are filled in. */
  readonly agentScripts?: Values
}

/** What a build was given under a name; undefined where it was given nothing, which is not the same as empty text. */
export interface Values {
  get(name: string): string | undefined
}

/** An agent as the configuration describes it: everything its program will be told. */
export interface AgentSeen {
  readonly id: string
  readonly token: string
  readonly os: string
  readonly arch: string
  readonly dir: string
  readonly env: Readonly<Record<string, string>>
  readonly startupScript: string
  readonly shutdownScript: string
  readonly startupScriptBehavior: string
  readonly connectionTimeoutSeconds: number
}

/** A parameter as the configuration describes it, with the value this run resolved. */
export interface ParameterSeen {
  readonly name: string
  readonly displayName: string
  readonly description: string
  readonly type: 'string' | 'number' | 'bool' | 'list(string)'
  readonly formType: string
  readonly mutable: boolean
  readonly ephemeral: boolean
  readonly default: string | null
  readonly options: readonly { readonly name: string; readonly value: string; readonly description: string }[]
  readonly validation: {
    readonly min: number | null
    readonly max: number | null
    readonly monotonic: 'increasing' | 'decreasing' | null
    readonly regex: string | null
    readonly error: string | null
  } | null
  readonly order: number
  readonly value: string
}

export interface PresetSeen {
  readonly name: string
  readonly default: boolean
  readonly description: string
  readonly parameters: Readonly<Record<string, string>>
  /** How many workspaces it wants built before anybody asks. */
  readonly prebuilds?: number
}

/** Told while terraform runs. All are awaited, so what they record is recorded before the thing is made. */
export interface Reports {
  parameter(seen: ParameterSeen): void
  preset(seen: PresetSeen): void
  /** Labels that the template asks of its provisioner. */
  tags?(tags: Readonly<Record<string, string>>): void
  /** At create, and at every read of one that exists: the token never changes, the rest may. */
  agent(seen: AgentSeen): Promise<void>
  /** Before a machine is made: intent comes first, so that a crash can be classified. */
  creating(machine: { readonly type: string; readonly name: string }): Promise<void>
  /** After a refresh: is it there? */
  machine(seen: { readonly type: string; readonly name: string; readonly present: boolean }): void
}

export interface ProcessWanted {
  /** `main` unless the template says otherwise; unique in a build. */
  readonly name: string
  /** The agent that runs in it; its token is looked up by the host, and never appears in a plan or argv. */
  readonly agentId: string
  /** null: a folder of this workspace under the state folder, kept across stops. */
  readonly home: string | null
  readonly env: Readonly<Record<string, string>>
  readonly shell: string | null
}

export interface ProcessSeen {
  readonly pid: number
  /** The kernel's start time of that pid as an RFC 3339 instant. */
  readonly startedAt: string
  readonly home: string
}

/** A detached process group on this machine that runs one agent. Ours by its record and its environment, never by pid alone. */
export interface ProcessMachines {
  /** The machine of this name, or null when it is gone. A pid that was reused is gone. */
  observe(name: string): Promise<ProcessSeen | null>
  /** Adopts one that is ours and runs the same agent; otherwise starts one. */
  create(wanted: ProcessWanted): Promise<ProcessSeen>
  /** Changes of env or shell take effect by a new process; the home stays. */
  update(wanted: ProcessWanted): Promise<ProcessSeen>
  /** TERM, ten seconds, KILL of the whole group. `removeHome` when the workspace itself goes. */
  destroy(name: string, options: { readonly removeHome: boolean }): Promise<void>
}

export interface Machines {
  readonly process: ProcessMachines
  readonly container?: ContainerMachines
  readonly pod?: PodMachines
}

export interface Host {
  readonly identity: Identity
  readonly reports: Reports
  readonly machines: Machines
}
