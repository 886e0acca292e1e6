import type { Instant } from '../kernel/clock.ts'
import { HELD, NO_WAIT_FOR_DISK } from './job-rows.ts'
import type { Db } from './pool.ts'
import type { Claim, LogRow } from './records.ts'
import { storable } from './text.ts'

/** What a job said, in batches. Readers follow by id; the notification is a hint. */
export interface LogLine {
  readonly at: Instant
  readonly stage: string
  readonly level: LogRow['level']
  readonly text: string
}

export const JOB_LOG_BYTES_MAX = 10 * 1024 * 1024
const READ_MAX = 5_000

/**
 * By the holder of a claim, or by whoever knows a job that this belongs to, also after its end. false: the claim was lost or
 * there is no such job, nothing is written. Past its limit a job's log ends with a note that says so.
 */
export async function appendLogs(db: Db, to: Claim | string, lines: readonly LogLine[]): Promise<boolean> {
  const job = typeof to === 'string' ? { where: 'id = $1 and $2::int is null and $3::text is null', values: [to, null, null] } : heldBy(to)
  const cut = lines.map((line) => ({ ...line, text: storable(line.text) }))
  const bytes = cut.reduce((sum, line) => sum + Buffer.byteLength(line.text), 0)
  const [written] = await db.query(
    `with before as (
       select id, log_bytes from jobs where ${job.where} for update
     ), held as (
       update jobs set log_bytes = least(before.log_bytes + $4, $5 + 1) from before where jobs.id = before.id
       returning jobs.id, jobs.log_bytes, before.log_bytes > $5 as was_full
     ), written as (
       insert into job_logs (job_id, at, stage, level, text)
       select held.id, to_timestamp((line->>'at')::double precision / 1000), line->>'stage', line->>'level', line->>'text'
       from held, json_array_elements($6) with ordinality as lines (line, n)
       where held.log_bytes <= $5
       order by n
     ), noted as (
       insert into job_logs (job_id, at, stage, level, text)
       select id, clock_timestamp(), $7, 'warn', 'This log is longer than ${JOB_LOG_BYTES_MAX / 1024 / 1024} MiB: the rest is left out.'
       from held where log_bytes > $5 and not was_full
     ), told as (select pg_notify('bothy_logs', id::text) from held where not was_full)
     select was_full as full, (select count(*) from told) as told from held, ${NO_WAIT_FOR_DISK}`,
    [...job.values, bytes, JOB_LOG_BYTES_MAX, JSON.stringify(cut), lines.at(-1)?.stage ?? ''],
  )
  return written !== undefined
}

const heldBy = ({ job, epoch, provisionerId }: Claim) => ({ where: HELD, values: [job.id, epoch, provisionerId] })

/** Only what one agent said, or one of the scripts. */
export interface LogFilter {
  readonly agent: string | null
  readonly source: string | null
}

const EVERYTHING: LogFilter = { agent: null, source: null }

/** In the order they were written, after `afterId` (null: from the beginning). */
export function readLogs(db: Db, jobId: string, afterId: string | null, limit: number, filter = EVERYTHING): Promise<LogRow[]> {
  return db.query<LogRow>(
    `select id, job_id as "jobId", at, stage, agent, source, level, text from job_logs
     where job_id = $1 and id > coalesce($2::bigint, 0) and ($4::text is null or agent = $4) and ($5::text is null or source = $5)
     order by id limit $3`,
    [jobId, afterId, Math.min(limit, READ_MAX), filter.agent, filter.source],
  )
}
