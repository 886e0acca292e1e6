/**
 * What the agent and the control plane say to each other: paths, headers, messages. The agent dials out with a WebSocket
 * (or a bare upgrade) and then serves HTTP/2 on that socket; the control plane is the client. One stream a call.
 *
 *   agent ──GET /agent/v1/connect, Upgrade──► control plane
 *   agent ◄─────────── h2 requests ─────────  control plane      POST /hello, /events, /exec, /shutdown …
 *
 * This is the only file of the agent that others may import; protocol/*.ts, parts of it, come through here.
 */

import type { PtySize } from './protocol/frames.ts'

export * from './protocol/files.ts'
export * from './protocol/frames.ts'
export * from './protocol/terminal.ts'

export const PROTOCOL_MAJOR = 1
export const PROTOCOL_MINOR = 2

export const CONNECT_PATH = '/agent/v1/connect'
/** The bare upgrade: h2 on the raw socket, about half the cost of a WebSocket. Tried first, falls back. */
export const RAW_UPGRADE = 'bothy-h2'

export const HEADER_AGENT_ID = 'bothy-agent-id'
export const HEADER_TOKEN = 'bothy-agent-token'
export const HEADER_PROTOCOL = 'bothy-protocol'
/** Who asked for a call, percent-encoded: reports of use name them. */
export const HEADER_ACTOR = 'bothy-actor'
/** What a stream to a port is a use of: a `UseKind`. Absent: PortForward. */
export const HEADER_USE = 'bothy-use'
/** Where a stream to a port leads: `tcp:127.0.0.1:8080` or `unix:/path`. */
export const HEADER_TARGET = 'bothy-target'

export const STREAM_WINDOW_BYTES = 1024 * 1024
export const SESSION_WINDOW_BYTES = 16 * 1024 * 1024
export const MESSAGE_BYTES_MAX = 16 * 1024 * 1024
export const PING_EVERY_MS = 10_000
export const PING_LIMIT_MS = 10_000
/** Streams of one link at a time. Node queues an excess request silently, so the client keeps its own count too. */
export const STREAMS_MAX = 1024

/** Environment of the agent's program. The token is removed from the environment of everything it starts. */
export const ENV = {
  agentId: 'BOTHY_AGENT_ID',
  /** A file with the token, 0600; preferred to `token`. */
  tokenFile: 'BOTHY_AGENT_TOKEN_FILE',
  token: 'BOTHY_AGENT_TOKEN',
  /** A file whose first line is the control plane's url, read again at every dial. */
  urlFile: 'BOTHY_URL_FILE',
  url: 'BOTHY_URL',
  /** Set by the launcher: the supervisor is our parent, and we end with it. */
  supervised: 'BOTHY_SUPERVISED',
  /** Set by the launcher: the digest of the program it belongs to. */
  program: 'BOTHY_PROGRAM',
} as const

/** The name of the machine the supervisor runs in; the agent ends with its supervisor when it is set. Everything it starts keeps it. */
export const ENV_MACHINE = 'BOTHY_MACHINE'

/** The control plane refused the agent for good: its supervisor does not start it again. */
export const EXIT_REFUSED = 77

/** Paths of the agent's server. */
export const SERVICES = {
  /** POST `ControlHello`, answered by `AgentHello`. Once, first, on every link. */
  hello: '/hello',
  /** POST: the answer is a line of JSON a `Report`; the request's body carries a line `{"ack": seq}` for what is stored. */
  events: '/events',
  /** POST: frames both ways. */
  exec: '/exec',
  /** GET: `CommandSeen[]`. */
  commands: '/commands',
  /** POST: frames both ways, of a terminal that several may look at and that outlives each of them. */
  terminal: '/terminal',
  /** GET: `TerminalSeen[]`. */
  terminals: '/terminals',
  /** POST: one operation on files; its answer, and bytes either way. */
  files: '/files',
  /** POST: the bytes of the SSH protocol; the agent is the server. */
  ssh: '/ssh',
  /** POST with `HEADER_TARGET`: the bytes of one connection inside the workspace. */
  port: '/port',
  /** GET: `PortSeen[]`. */
  ports: '/ports',
  /** POST `{id, signal}`. */
  signal: '/signal',
  /** POST: runs the stop scripts; answered at once, followed in the events. */
  shutdown: '/shutdown',
} as const

export interface ManifestScript {
  readonly name: string
  readonly script: string
  readonly on: 'start' | 'stop' | 'cron'
  /** Six fields, seconds first; null unless `on` is cron. */
  readonly cron: string | null
  readonly timeoutSeconds: number
  /** A file in the workspace that its output goes to as well; empty: none. */
  readonly logPath: string
  readonly blocksLogin: boolean
}

/** A value that a command in the workspace says again and again, shown beside the agent. */
export interface ManifestMetadata {
  readonly key: string
  readonly displayName: string
  readonly script: string
  readonly intervalSeconds: number
  readonly timeoutSeconds: number
}

export interface ManifestApp {
  readonly slug: string
  /** As the workspace itself reaches it; empty for a command. */
  readonly url: string
  readonly command: string
  readonly healthcheck: { readonly url: string; readonly intervalSeconds: number; readonly threshold: number } | null
}

/** An older control plane leaves out what it does not know: the agent takes what is absent for empty. */
export interface Manifest {
  readonly scripts: readonly ManifestScript[]
  readonly env: Readonly<Record<string, string>>
  readonly dir: string
  readonly metadata: readonly ManifestMetadata[]
  readonly apps: readonly ManifestApp[]
  /** The private key that its ssh server shows, in OpenSSH's PEM form: the same for every build of a workspace. */
  readonly sshHostKey: string
}

export interface PortSeen {
  readonly port: number
  /** Of the process that listens; empty where it cannot be known. */
  readonly process: string
}

export interface ControlHello {
  readonly protocol: string
  /** false: the build goes on, and what else there is to run is told when it ends. Absent: true. */
  readonly complete: boolean
  readonly manifest: Manifest
}

export interface AgentHello {
  readonly protocol: string
  readonly version: string
  /** One for each start of the agent's program. */
  readonly runId: string
  readonly pid: number
  readonly lifecycle: Lifecycle
  /** Why the lifecycle is what it is, where that is not plain. */
  readonly message: string
}

/** In the order they are passed through; an agent never goes back in one run. */
export const LIFECYCLES = [
  'Created',
  'Starting',
  'StartTimeout',
  'StartError',
  'Ready',
  'ShuttingDown',
  'ShutdownTimeout',
  'ShutdownError',
  'Off',
] as const
export type Lifecycle = (typeof LIFECYCLES)[number]

export type Report = { readonly seq: number; readonly at: number } & (
  | { readonly kind: 'lifecycle'; readonly lifecycle: Lifecycle; readonly message: string }
  | { readonly kind: 'log'; readonly source: string; readonly level: 'info' | 'warn' | 'error'; readonly text: string }
  | { readonly kind: 'metadata'; readonly key: string; readonly value: string; readonly error: string }
  | { readonly kind: 'app'; readonly slug: string; readonly health: AppHealth }
  /** Also when nobody used it: silence is no evidence, this is. */
  | { readonly kind: 'stats'; readonly uses: readonly Use[]; readonly now?: StatsNow }
)

/** How things are in the workspace at the moment of the report. Agents before 1.2 do not say. */
export interface StatsNow {
  /** People who are there, by how. */
  readonly sessions: Readonly<Partial<Record<UseKind, number>>>
  readonly connections: number
  /** Since the agent's program began. */
  readonly bytesIn: number
  readonly bytesOut: number
  readonly processes: number
  readonly memoryBytes: number
}

/** Of a value, and of an error, of metadata; in bytes. */
export const METADATA_BYTES_MAX = 2048
/** Of all keys of an agent's metadata together. */
export const METADATA_KEYS_BYTES_MAX = 6144
/** Apps of one agent whose health is told of. */
export const APPS_MAX = 64

export const APP_HEALTHS = ['Disabled', 'Initializing', 'Healthy', 'Unhealthy'] as const
export type AppHealth = (typeof APP_HEALTHS)[number]

export const USE_KINDS = ['Ssh', 'Terminal', 'Ide', 'PortForward', 'App', 'Chat', 'Process'] as const
export type UseKind = (typeof USE_KINDS)[number]

/** Somebody used the workspace from one instant to another, by the clock of the agent, as `at` of the report is. */
export interface Use {
  readonly kind: UseKind
  /** Who, as the control plane named them; empty: nobody is known. */
  readonly by: string
  readonly from: number
  readonly until: number
}

/** Said at least this often, and within a second when a session begins or ends. */
export const STATS_EVERY_MS = 30_000
export const USES_MAX = 64
export const ACTOR_LENGTH_MAX = 256

export const REPORT_BYTES_MAX = 32 * 1024
export const LOG_LINE_LENGTH_MAX = 4096
/** Of the name of what said a line: a template may give a script any. */
export const SOURCE_LENGTH_MAX = 256

export interface ExecStart {
  /** Chosen by the client, unique: the same id again is the same command. */
  readonly id: string
  /** Program and arguments; empty: a login shell. */
  readonly argv: readonly string[]
  readonly tty: PtySize | null
  readonly stdin: boolean
  /** null: the folder of the template. Relative to the home folder. */
  readonly cwd: string | null
  readonly env: Readonly<Record<string, string>>
  /** Goes on without a reader, for ever; otherwise it is hung up some minutes after its last reader left. */
  readonly background: boolean
  /** What a full ring does while nobody reads: hold the command back, or lose the oldest output. */
  readonly whenFull: 'hold' | 'drop'
  /** The client has seen it start: never start it a second time. */
  readonly resume: boolean
  /** Output the client already has. */
  readonly offset: number
}

export interface ExecStarted {
  readonly pid: number
  /** What does not work in this call; empty: everything does. */
  readonly lost: string
}

export interface ExecExit {
  /** 128 + the number of the signal where a signal ended it, as a shell says it. */
  readonly code: number
  readonly signal: string | null
}

export interface ExecRefused {
  /** What the client's own exit code should be. */
  readonly code: number
  readonly message: string
}

export interface CommandSeen {
  readonly id: string
  readonly pid: number
  readonly argv: readonly string[]
  readonly startedAt: number
  readonly exit: ExecExit | null
  readonly attached: boolean
}

/** Output kept for a reader that has not taken it. A command with this much unread output waits. */
export const RING_BYTES = 1024 * 1024
/** stdin a client may send beyond what was acknowledged. */
export const STDIN_WINDOW_BYTES = 256 * 1024
/** Output is acknowledged in steps of this. */
export const ACK_EVERY_BYTES = 64 * 1024
export const DATA_BYTES_MAX = 32 * 1024

/** A sentence when two sides of a link cannot talk; null when they can. Minor versions only add. */
export function protocolMismatch(agent: string, controlPlane: string): string | null {
  const [ours, theirs] = [majorOf(agent), majorOf(controlPlane)]
  if (ours === theirs) return null
  const behind = ours < theirs ? 'the agent: rebuild the workspace' : 'the control plane'
  return `The agent speaks protocol ${agent} and the control plane ${controlPlane}: upgrade ${behind}.`
}

const majorOf = (protocol: string): number => Number.parseInt(protocol, 10) || 0

export const PROTOCOL = `${PROTOCOL_MAJOR}.${PROTOCOL_MINOR}`
