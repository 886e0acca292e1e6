import type { Diagnostic } from './schema/model.ts'

/** Machines elsewhere than in a process: what the provider asks of them. A host that cannot make a kind of them has no port for it. */

export interface ContainerWanted {
  readonly name: string
  /** The agent that runs in it; its token is looked up by the host, and never appears in a plan, an argument or a label. */
  readonly agentId: string
  readonly image: string
  /** Runs beside the agent; empty: nothing does. */
  readonly command: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly workdir: string | null
  readonly user: string | null
  readonly cpus: number | null
  readonly memoryMb: number | null
  readonly network: string | null
  readonly privileged: boolean
  readonly volumes: readonly {
    readonly name: string
    readonly target: string
    readonly readOnly: boolean
    readonly ephemeral: boolean
  }[]
  readonly binds: readonly { readonly source: string; readonly target: string; readonly readOnly: boolean }[]
  readonly hosts: readonly { readonly name: string; readonly ip: string }[]
  readonly labels: Readonly<Record<string, string>>
}

/** What is really there, which somebody may have changed. */
export interface ContainerSeen {
  readonly id: string
  readonly ip: string
  readonly image: string
  readonly cpus: number | null
  readonly memoryMb: number | null
}

export interface PodWanted {
  readonly name: string
  readonly agentId: string
  readonly image: string
  readonly namespace: string | null
  readonly command: readonly string[]
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly serviceAccount: string | null
  readonly requests: Resources
  readonly limits: Resources
  readonly storage: readonly {
    readonly size: string
    readonly mount: string
    readonly storageClass: string | null
    readonly ephemeral: boolean
  }[]
  readonly nodeSelector: Readonly<Record<string, string>>
  readonly tolerations: readonly {
    readonly key: string | null
    readonly operator: string
    readonly value: string | null
    readonly effect: string | null
    readonly seconds: number | null
  }[]
  readonly security: PodSecurity
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
  readonly wait: boolean
}

export interface Resources {
  readonly cpu: string | null
  readonly memory: string | null
}

export interface PodSecurity {
  readonly runAsUser: number | null
  readonly runAsGroup: number | null
  readonly fsGroup: number | null
  readonly runAsNonRoot: boolean
  readonly readOnlyRoot: boolean
  readonly allowPrivilegeEscalation: boolean
  readonly privileged: boolean
  readonly addCapabilities: readonly string[]
  readonly seccomp: string
}

export interface PodSeen {
  readonly pod: string
  readonly namespace: string
  readonly node: string
  readonly image: string
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
}

/** Machines that some other program makes for us. `signal` aborts when the build is told to stop: nothing new is begun then. */
export interface RemoteMachines<Wanted, Seen> {
  /** What the operator of this provisioner does not allow; asked at every plan. */
  refused(wanted: Wanted): readonly Diagnostic[]
  /** What a machine needs that takes long or may be wrong, got before the one that it replaces goes. */
  prepare?(wanted: Wanted, signal: AbortSignal): Promise<void>
  /** The machine of this name as it runs, or null: gone, ended, or never there. */
  observe(name: string, signal: AbortSignal): Promise<Seen | null>
  /** Adopts one that is ours and was made of the same; otherwise makes one in its place. */
  create(wanted: Wanted, signal: AbortSignal): Promise<Seen>
  /** Changes what can be changed while it runs. */
  update(wanted: Wanted, signal: AbortSignal): Promise<Seen>
  /** The machine and what was to go with it. What the workspace keeps stays. */
  destroy(name: string): Promise<void>
  /** Everything that this workspace has here, kept or not: the workspace itself is deleted. */
  forget(): Promise<void>
}

export type ContainerMachines = RemoteMachines<ContainerWanted, ContainerSeen>
export type PodMachines = RemoteMachines<PodWanted, PodSeen>
