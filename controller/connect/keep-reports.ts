import { LIFECYCLES, METADATA_KEYS_BYTES_MAX, type Lifecycle, type Report } from '../../agent/protocol.ts'
import { agentToldActivity } from '../store/activity.ts'
import { keepAppHealth, keepMetadata, keepStats } from '../store/agent-details.ts'
import { appendAgentLogs } from '../store/agent-logs.ts'
import { agentReported } from '../store/agents.ts'
import type { Db } from '../store/pool.ts'
import type { AgentRow } from '../store/records.ts'
import type { Clock, Instant } from '../kernel/clock.ts'
import type { Keep } from './reports.ts'

export interface Reporter {
  /** As it was read last: what its template declares may change while it is connected. */
  readonly agent: () => AgentRow
  readonly runId: string
}

type Of<Kind extends Report['kind']> = Report & { readonly kind: Kind }

/**
 * Lifecycles go to the agent's row, output of scripts to the log of the workspace's newest build, use to its ledger. What
 * a template did not declare is not kept, whatever the agent says of it.
 */
export function createKeeper(db: Db, clock: Clock, { agent, runId }: Reporter): Keep {
  let furthest = -1
  const pace = createPace(clock)

  const keepLifecycle = async (lifecycle: Lifecycle, message: string) => {
    const rank = LIFECYCLES.indexOf(lifecycle)
    if (rank <= furthest) return
    await agentReported(db, agent().id, runId, lifecycle, message)
    furthest = rank
  }
  const keepLogs = (lines: readonly Of<'log'>[]) => {
    const { id, name, workspaceUid } = agent()
    return appendAgentLogs(db, { id, name, workspaceUid }, lines)
  }
  /** Their instants are of the agent's clock: as long before now as they were before the report. */
  const keepUses = async (stats: Of<'stats'>, at: Instant) => {
    const aheadMs = stats.at - at
    const uses = stats.uses.map(({ kind, by, from, until }) => ({
      kind,
      actor: by,
      from: from - aheadMs,
      until: Math.min(until - aheadMs, at),
    }))
    await agentToldActivity(db, agent().id, runId, uses, at)
    if (stats.now) await keepStats(db, agent().id, runId, stats.now)
  }
  const keepValues = async (values: readonly Of<'metadata'>[], at: Instant) => {
    const declared = declaredKeys(agent())
    const known = values.filter(({ key }) => declared.has(key))
    await keepMetadata(
      db,
      agent().id,
      runId,
      known.map(({ key, value, error }) => ({ key, value, error, at })),
    )
  }
  const keepHealth = async (told: readonly Of<'app'>[]) => {
    const checked = new Set(agent().manifest.apps.flatMap(({ slug, healthcheck }) => (healthcheck ? [slug] : [])))
    const known = told.filter(({ slug }) => checked.has(slug))
    await keepAppHealth(db, agent().id, runId, Object.fromEntries(known.map(({ slug, health }) => [slug, health])))
  }

  return async (reports, at) => {
    for (const report of reports) if (report.kind === 'lifecycle') await keepLifecycle(report.lifecycle, report.message)
    await keepLogs(reports.filter((report) => report.kind === 'log'))
    const others = reports.filter(({ kind }) => kind !== 'lifecycle' && kind !== 'log')
    if (others.length === 0) return
    await pace()
    for (const report of others) if (report.kind === 'stats') await keepUses(report, at)
    await keepValues(
      others.filter((report) => report.kind === 'metadata'),
      at,
    )
    await keepHealth(others.filter((report) => report.kind === 'app'))
  }
}

/** In the order of the template, as far as they fit. */
export function declaredKeys({ manifest }: AgentRow): ReadonlySet<string> {
  let room = METADATA_KEYS_BYTES_MAX
  return new Set(manifest.metadata.map(({ key }) => key).filter((key) => (room -= Buffer.byteLength(key)) >= 0))
}

const BURST = 30
const EVERY_MS = 300

/** An agent that says the same thing without end waits for us, and so for itself. */
function createPace(clock: Clock): () => Promise<void> {
  let freeAt = clock.elapsedMs() - BURST * EVERY_MS
  return async () => {
    const now = clock.elapsedMs()
    freeAt = Math.max(freeAt + EVERY_MS, now - BURST * EVERY_MS)
    if (freeAt > now) await clock.sleep(freeAt - now)
  }
}
