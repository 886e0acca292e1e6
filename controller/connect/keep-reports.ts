import { LIFECYCLES, type Lifecycle, type Report } from '../../agent/protocol.ts'
import { agentToldActivity } from '../store/activity.ts'
import { agentReported } from '../store/agents.ts'
import { appendAgentLogs } from '../store/agent-links.ts'
import type { Db } from '../store/pool.ts'
import type { Instant } from '../kernel/clock.ts'
import type { Keep } from './reports.ts'

export interface Reporter {
  readonly agentId: string
  readonly workspaceUid: string
  readonly runId: string
}

/** Of one agent on one link. Beyond it one line says so, and the rest is read and not kept. */
const LOG_BYTES_MAX = 1024 * 1024

/** Lifecycles go to the agent's row, output of scripts to the log of the workspace's newest build, use to its ledger. */
export function createKeeper(db: Db, { agentId, workspaceUid, runId }: Reporter): Keep {
  let furthest = -1
  let logBytes = 0

  const keepLifecycle = async (lifecycle: Lifecycle, message: string) => {
    const rank = LIFECYCLES.indexOf(lifecycle)
    if (rank <= furthest) return
    await agentReported(db, agentId, runId, lifecycle, message)
    furthest = rank
  }
  const keepLogs = async (lines: readonly (Report & { readonly kind: 'log' })[]) => {
    if (lines.length === 0 || logBytes > LOG_BYTES_MAX) return
    const bytes = lines.reduce((sum, line) => sum + line.text.length + line.source.length, 0)
    const rows = lines.map(({ at, source, level, text }) => ({ at, stage: `agent: ${source}`, level, text }))
    const over = logBytes + bytes > LOG_BYTES_MAX
    const note = {
      at: lines[0]?.at ?? 0,
      stage: 'agent',
      level: 'warn' as const,
      text: 'the agent said more than 1 MiB; what follows is not kept',
    }
    await appendAgentLogs(db, workspaceUid, over ? [...rows, note] : rows)
    logBytes += bytes
  }

  /** Their instants are of the agent's clock: as long before now as they were before the report. */
  const keepUses = async (stats: Report & { readonly kind: 'stats' }, at: Instant) => {
    const aheadMs = stats.at - at
    const uses = stats.uses.map(({ kind, by, from, until }) => ({
      kind,
      actor: by,
      from: from - aheadMs,
      until: Math.min(until - aheadMs, at),
    }))
    await agentToldActivity(db, agentId, runId, uses, at)
  }

  return async (reports, at) => {
    for (const report of reports) if (report.kind === 'lifecycle') await keepLifecycle(report.lifecycle, report.message)
    for (const report of reports) if (report.kind === 'stats') await keepUses(report, at)
    await keepLogs(reports.filter((report) => report.kind === 'log'))
  }
}
