import type { Instant } from '../../../kernel/clock.ts'
import { mayBeRunning, newestSucceededStart } from '../builds.ts'
import type { AgentSeen, Seen } from '../seen.ts'
import { idleAfterOf } from './policy.ts'
import { neededUntil } from './use.ts'

/** Two intervals of the reports in which agents say who uses them. */
const FRESH_MS = 60_000

/** When it would stop because nobody uses it. */
export type Idle =
  | { readonly is: 'off' }
  /** Somebody has not told lately: silence is no evidence, and nothing is stopped for it. */
  | { readonly is: 'unknown' }
  | { readonly is: 'known'; readonly at: Instant }

export function idleOf(seen: Seen, now: Instant): Idle {
  const idleAfterMs = idleAfterOf(seen)
  if (idleAfterMs === 0 || seen.workspace.power !== 'Auto' || !mayBeRunning(seen.builds)) return { is: 'off' }
  if (seen.agents.length === 0 || !seen.agents.every((agent) => tells(agent, now))) return { is: 'unknown' }
  const since = Math.max(
    neededUntil(seen) ?? 0,
    newestSucceededStart(seen.builds)?.finishedAt ?? 0,
    ...seen.agents.map(({ readyAt }) => readyAt ?? 0),
  )
  return { is: 'known', at: since + idleAfterMs }
}

/** An agent that never came in time is used by nobody; one that still runs its start scripts cannot be used yet. */
function tells(agent: AgentSeen, now: Instant): boolean {
  if (agent.firstConnectedAt === null) return agent.status === 'Timeout'
  if (agent.lifecycle === 'Created' || agent.lifecycle === 'Starting') return false
  return agent.reportedAt !== null && now - agent.reportedAt <= FRESH_MS
}
