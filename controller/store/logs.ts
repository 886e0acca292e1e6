import type { Instant } from '../kernel/clock.ts'
import { HELD } from './job-rows.ts'
import type { Db } from './pool.ts'
import type { Claim, LogRow } from './records.ts'

/** What a job said, in batches. Readers follow by id; the notification is a hint. */
export interface LogLine {
  readonly at: Instant
  readonly stage: string
  readonly level: LogRow['level']
  readonly text: string
}

export const JOB_LOG_BYTES_MAX = 10 * 1024 * 1024
const TEXT_LENGTH_MAX = 16 * 1024
const READ_MAX = 5_000

/** false: the claim was lost, nothing is written. Past its limit a job's log ends with a note that says so. */
export async function appendLogs(db: Db, claim: Claim, lines: readonly LogLine[]): Promise<boolean> {
  const cut = lines.map((line) => ({ ...line, text: storable(line.text) }))
  const bytes = cut.reduce((sum, line) => sum + Buffer.byteLength(line.text), 0)
  const [job] = await db.query<{ full: boolean }>(
    `with held as (
       update jobs set log_bytes = least(log_bytes + $4, $5 + 1) where ${HELD}
       returning id, log_bytes, $4 > 0 and (select before.log_bytes from jobs before where before.id = $1) > $5 as was_full
     ), written as (
       insert into job_logs (job_id, at, stage, level, text)
       select held.id, to_timestamp(line.at / 1000.0), line.stage, line.level, line.text
       from held, json_to_recordset($6) with ordinality as line (at double precision, stage text, level text, text text, n bigint)
       where held.log_bytes <= $5
       order by line.n
     ), noted as (
       insert into job_logs (job_id, at, stage, level, text)
       select id, clock_timestamp(), $7, 'warn', 'This log is longer than ${JOB_LOG_BYTES_MAX / 1024 / 1024} MiB: the rest is left out.'
       from held where log_bytes > $5 and not was_full
     ), told as (select pg_notify('bothy_logs', id::text) from held where not was_full)
     select was_full as full, (select count(*) from told) as told from held`,
    [claim.job.id, claim.epoch, claim.provisionerId, bytes, JOB_LOG_BYTES_MAX, JSON.stringify(cut), lines.at(-1)?.stage ?? ''],
  )
  return job !== undefined
}

/** In the order they were written, after `afterId` (null: from the beginning). */
export function readLogs(db: Db, jobId: string, afterId: string | null, limit: number): Promise<LogRow[]> {
  return db.query<LogRow>(
    `select id, job_id as "jobId", at, stage, level, text from job_logs
     where job_id = $1 and id > coalesce($2::bigint, 0) order by id limit $3`,
    [jobId, afterId, Math.min(limit, READ_MAX)],
  )
}

/** Postgres keeps no NUL in text; and nobody reads a line of a megabyte. */
function storable(text: string): string {
  const clean = text.replaceAll('\0', '')
  return clean.length > TEXT_LENGTH_MAX ? `${clean.slice(0, TEXT_LENGTH_MAX)}… (cut)` : clean
}
