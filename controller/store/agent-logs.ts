import type { LogLine } from './logs.ts'
import type { Db } from './pool.ts'
import { buildsOf } from './read-jobs.ts'
import { storable } from './text.ts'

/** What an agent says, by source: a script, or the agent itself. */
export interface AgentLine extends Omit<LogLine, 'stage'> {
  readonly source: string
}

/** Of one source of one agent, with each build. */
export const SOURCE_LOG_BYTES_MAX = 1024 * 1024
/** An agent that makes up sources keeps the first ones. */
export const LOG_SOURCES_MAX = 64

export interface LogAuthor {
  readonly id: string
  /** Its name in the template. */
  readonly name: string
  readonly workspaceUid: string
}

/**
 * Goes to the log of its workspace's newest build, whether that has ended or not; how much is kept there of each source is
 * counted in the database, so that another connection, or another replica, goes on counting.
 */
export async function appendAgentLogs(db: Db, author: LogAuthor, lines: readonly AgentLine[]): Promise<void> {
  const [build] = await buildsOf(db, author.workspaceUid, 1)
  if (!build || lines.length === 0) return
  await db.transaction(async (tx) => {
    const kept: (AgentLine & { readonly source: string })[] = []
    for (const [source, said] of Map.groupBy(lines.map(asStored), (line) => line.source)) {
      kept.push(...(await withinLimit(tx, build.id, author.id, source, said)))
    }
    if (kept.length === 0) return
    await tx.query(
      `insert into job_logs (job_id, at, stage, level, text, agent, source)
       select $1, to_timestamp((line->>'at')::double precision / 1000), 'agent: ' || (line->>'source'), line->>'level', line->>'text', $2,
         line->>'source'
       from json_array_elements($3) with ordinality as lines (line, n) order by n`,
      [build.id, author.name, JSON.stringify(kept)],
    )
    await tx.notify('bothy_logs', build.id)
  })
}

const asStored = (line: AgentLine): AgentLine => ({ ...line, source: storable(line.source, 256), text: storable(line.text) })

const sizeOf = ({ text }: AgentLine): number => Buffer.byteLength(text) + 1

async function withinLimit(tx: Db, jobId: string, agentId: string, source: string, lines: readonly AgentLine[]): Promise<AgentLine[]> {
  const bytes = lines.reduce((sum, line) => sum + sizeOf(line), 0)
  const [row] = await tx.query<{ after: number }>(
    `insert into agent_log_sources as s (job_id, agent_id, source, bytes)
     select $1, $2, $3, $4 where exists (select from agent_log_sources where job_id = $1 and agent_id = $2 and source = $3)
       or (select count(*) from agent_log_sources where job_id = $1 and agent_id = $2) < ${LOG_SOURCES_MAX}
     on conflict (job_id, agent_id, source) do update set bytes = least(s.bytes + $4, ${2 * SOURCE_LOG_BYTES_MAX}) returning bytes as after`,
    [jobId, agentId, source, Math.min(bytes, SOURCE_LOG_BYTES_MAX + 1)],
  )
  if (!row) return []
  let room = SOURCE_LOG_BYTES_MAX - (row.after - Math.min(bytes, SOURCE_LOG_BYTES_MAX + 1))
  if (room < 0) return []
  const kept: AgentLine[] = []
  for (const line of lines) {
    room -= sizeOf(line)
    if (room < 0) return [...kept, { at: line.at, source, level: 'warn', text: OVERFLOW }]
    kept.push(line)
  }
  return kept
}

const OVERFLOW = 'said more than 1 MiB: what follows is not kept until the next build'
