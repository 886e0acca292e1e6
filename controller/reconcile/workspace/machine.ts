import type { Instant } from '../../kernel/clock.ts'
import type { Job } from '../../store/records.ts'
import { isSucceededStart } from './builds.ts'
import type { AgentSeen, Seen } from './seen.ts'

/**
 * Whether the machine of a running workspace is still there. A silent agent alone proves nothing: a look asks the
 * machines' own hands.
 *
 *   agents speak ──► fine
 *   silent ──5 s──► look due ──► present: look again, later and later
 *                            └─► absent: lost
 */
export type Machine =
  | { readonly is: 'fine' }
  | { readonly is: 'silent'; readonly lookAt: Instant | null }
  | { readonly is: 'present'; readonly lookAt: Instant }
  | { readonly is: 'lost' }

const SILENT_MS = 5_000
/** An agent that never connected may still be on its way: a machine needs time to boot. */
const NEVER_HEARD_MS = 30_000
/** After a start of the controller, or a sleep of the whole machine, nobody is connected: agents get a moment to dial in. */
const AFTER_START_MS = 3_000
const LOOK_AGAIN_FIRST_MS = 10_000
const LOOK_AGAIN_MOST_MS = 600_000

export function machineOf(seen: Seen): Machine {
  const start = seen.builds[0] ?? null
  if (!isSucceededStart(start)) return { is: 'fine' }
  const silent = seen.agents.filter(({ status }) => status !== 'Connected')
  if (silent.length === 0) return { is: 'fine' }
  const builtAt = start.finishedAt ?? start.queuedAt
  const since = Math.min(...silent.map((agent) => Math.max(silentSince(agent), builtAt)))
  const look = seen.look && seen.look.queuedAt >= since ? seen.look : null
  if (!look)
    return {
      is: 'silent',
      lookAt: Math.max(
        Math.max(seen.controllerStartedAt, seen.clockJumpedAt ?? 0) + AFTER_START_MS,
        Math.min(...silent.map((agent) => firstLookAt(agent, builtAt))),
      ),
    }
  return judged(look, since)
}

const firstLookAt = (agent: AgentSeen, builtAt: Instant): Instant =>
  Math.max(silentSince(agent), builtAt) + (agent.firstConnectedAt === null ? NEVER_HEARD_MS : SILENT_MS)

const silentSince = (agent: AgentSeen): Instant => agent.disconnectedAt ?? agent.lastSeenAt ?? agent.connectedAt ?? agent.createdAt

function judged(look: Job, since: Instant): Machine {
  if (look.finishedAt === null) return { is: 'silent', lookAt: null }
  // The longer it has been silent, the longer until the next look: each wait is about as long as all before it.
  const pauseMs = Math.min(LOOK_AGAIN_MOST_MS, Math.max(LOOK_AGAIN_FIRST_MS, look.finishedAt - since))
  const lookAt = look.finishedAt + pauseMs
  if (look.phase !== 'Succeeded') return { is: 'silent', lookAt }
  const machines = look.result?.machines ?? []
  return machines.some(({ present }) => !present) ? { is: 'lost' } : { is: 'present', lookAt }
}
