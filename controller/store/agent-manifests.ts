/** What a template says about an agent: part of it is told to the agent, the rest is what people are shown. Plain data. */

export interface AgentScript {
  readonly name: string
  readonly script: string
  readonly on: 'start' | 'stop' | 'cron'
  /** Six fields, seconds first; null unless `on` is cron. */
  readonly cron: string | null
  /** 0: no limit of its own. */
  readonly timeoutSeconds: number
  /** A file in the workspace that gets its output too; empty: none. */
  readonly logPath: string
  readonly blocksLogin: boolean
}

/** A value that a command in the workspace says again and again. */
export interface AgentMetadata {
  readonly key: string
  readonly displayName: string
  readonly script: string
  readonly intervalSeconds: number
  readonly timeoutSeconds: number
}

export const APP_SHARES = ['owner', 'authenticated', 'public'] as const
export type AppShare = (typeof APP_SHARES)[number]

export const APP_HEALTHS = ['Disabled', 'Initializing', 'Healthy', 'Unhealthy'] as const
export type AppHealth = (typeof APP_HEALTHS)[number]

export interface AgentApp {
  /** Once in a workspace, whichever agent has it. */
  readonly slug: string
  /** As the workspace itself reaches it, or a link that leaves the control plane where `external`. */
  readonly url: string
  readonly command: string
  readonly healthcheck: { readonly url: string; readonly intervalSeconds: number; readonly threshold: number } | null
  readonly displayName: string
  readonly icon: string
  readonly share: AppShare
  readonly subdomain: boolean
  readonly external: boolean
  readonly hidden: boolean
  readonly order: number
  readonly group: string
  readonly openIn: 'slim-window' | 'tab'
  readonly tooltip: string
}

/** Recorded, not acted on. */
export interface AgentDevcontainer {
  readonly name: string
  readonly workspaceFolder: string
  readonly configPath: string
}

export interface AgentManifest {
  readonly scripts: readonly AgentScript[]
  readonly env: Readonly<Record<string, string>>
  readonly dir: string
  readonly connectionTimeoutSeconds: number
  readonly metadata: readonly AgentMetadata[]
  readonly apps: readonly AgentApp[]
  readonly devcontainers: readonly AgentDevcontainer[]
  /** The address of the nearest resource that depends on the agent, its machine as a rule; empty: none does. */
  readonly resource: string
  /** false while its build runs: what it runs and offers is known in full when that ends. */
  readonly complete: boolean
  /** What only the agent is told, sealed: `scripts` and `env` are empty then. */
  readonly sealed?: string
}

export const NO_MANIFEST: AgentManifest = {
  scripts: [],
  env: {},
  dir: '',
  connectionTimeoutSeconds: 120,
  metadata: [],
  apps: [],
  devcontainers: [],
  resource: '',
  complete: true,
}

/** As rows have it: one that was written by an earlier version lacks what came later. */
export type StoredManifest = Partial<Omit<AgentManifest, 'scripts'>> & {
  readonly scripts?: readonly (Pick<AgentScript, 'name' | 'script' | 'on'> & Partial<AgentScript>)[]
}

const NO_SCRIPT = { cron: null, timeoutSeconds: 0, logPath: '', blocksLogin: false }

export const wholeManifest = (stored: StoredManifest): AgentManifest => ({
  ...NO_MANIFEST,
  ...stored,
  scripts: (stored.scripts ?? []).map((script) => Object.assign({}, NO_SCRIPT, script)),
})
