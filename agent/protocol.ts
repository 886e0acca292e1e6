/**
 * What the agent and the control plane say to each other: paths, headers, messages. The agent dials out with a WebSocket
 * (or a bare upgrade) and then serves HTTP/2 on that socket; the control plane is the client. One stream a call.
 *
 *   agent ──GET /agent/v1/connect, Upgrade──► control plane
 *   agent ◄─────────── h2 requests ─────────  control plane      POST /hello, /exec, /shutdown …
 *
 * This is the only file of the agent that others may import.
 */

export const PROTOCOL_MAJOR = 1
export const PROTOCOL_MINOR = 0

export const CONNECT_PATH = '/agent/v1/connect'
/** The bare upgrade: h2 on the raw socket, about half the cost of a WebSocket. Tried first, falls back. */
export const RAW_UPGRADE = 'bothy-h2'

export const HEADER_AGENT_ID = 'bothy-agent-id'
export const HEADER_TOKEN = 'bothy-agent-token'
export const HEADER_PROTOCOL = 'bothy-protocol'

export const STREAM_WINDOW_BYTES = 1024 * 1024
export const SESSION_WINDOW_BYTES = 16 * 1024 * 1024
export const MESSAGE_BYTES_MAX = 16 * 1024 * 1024
export const PING_EVERY_MS = 10_000
export const PING_LIMIT_MS = 10_000

/** Environment of the agent's program. The token is removed from the environment of everything it starts. */
export const ENV = {
  agentId: 'BOTHY_AGENT_ID',
  /** A file with the token, 0600; preferred to `token`. */
  tokenFile: 'BOTHY_AGENT_TOKEN_FILE',
  token: 'BOTHY_AGENT_TOKEN',
  /** A file whose first line is the control plane's url, read again at every dial. */
  urlFile: 'BOTHY_URL_FILE',
  url: 'BOTHY_URL',
} as const
