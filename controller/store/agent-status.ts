import type { Instant } from '../kernel/clock.ts'
import type { AgentRow, AgentStatus } from './records.ts'

/** A connection that says nothing for longer than this is none. */
export const AGENT_SILENT_MS = 30_000

type Seen = Pick<AgentRow, 'createdAt' | 'firstConnectedAt' | 'disconnectedAt' | 'lastSeenAt' | 'manifest'>

/** Computed when it is read, never stored. */
export function statusOf(agent: Seen, now: Instant): AgentStatus {
  if (agent.firstConnectedAt === null) {
    const limitMs = agent.manifest.connectionTimeoutSeconds * 1000
    return limitMs === 0 || now - agent.createdAt <= limitMs ? 'Connecting' : 'Timeout'
  }
  if (agent.lastSeenAt === null || now - agent.lastSeenAt > AGENT_SILENT_MS) return 'Disconnected'
  // An old connection may be reported closed after its successor was opened: whoever was seen later is right.
  const closed = agent.disconnectedAt !== null && agent.disconnectedAt >= agent.lastSeenAt
  return closed ? 'Disconnected' : 'Connected'
}
