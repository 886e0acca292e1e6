import type { Instant } from '../kernel/clock.ts'
import type { AgentManifest, AppHealth } from './agent-manifests.ts'

/** What is kept of agents, as plain data. */

export type AgentLifecycle =
  | 'Created'
  | 'Starting'
  | 'Ready'
  | 'StartError'
  | 'StartTimeout'
  | 'ShuttingDown'
  | 'Off'
  | 'ShutdownError'
  | 'ShutdownTimeout'

export interface AgentRow {
  /** The agent's own id, as its Terraform resource has it. */
  readonly id: string
  readonly workspaceUid: string
  readonly jobId: string
  /** Its name in the template; empty until the outcome of its build names it. */
  readonly name: string
  /** In the newest state: false while its build runs, and never again true once dropped. */
  readonly confirmed: boolean
  readonly manifest: AgentManifest
  readonly createdAt: Instant
  readonly firstConnectedAt: Instant | null
  readonly connectedAt: Instant | null
  readonly disconnectedAt: Instant | null
  readonly lastSeenAt: Instant | null
  readonly lifecycle: AgentLifecycle
  /** The run of the agent's program that reported the lifecycle. */
  readonly runId: string | null
  readonly message: string
  readonly version: string
  /** Set when the control plane wants it to run its stop scripts. */
  readonly shutdownRequestedAt: Instant | null
  /** When it last said what it knows of use. */
  readonly reportedAt: Instant | null
  /** When the start scripts of this run ended: nobody can use it before. */
  readonly readyAt: Instant | null
  /** By slug, of the apps that are checked. */
  readonly appHealth: Readonly<Record<string, AppHealth>>
}

export type AgentStatus = 'Connecting' | 'Timeout' | 'Disconnected' | 'Connected'
