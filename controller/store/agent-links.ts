import { JOB_LOG_BYTES_MAX, type LogLine } from './logs.ts'
import type { Db } from './pool.ts'

/** A replica that begins, or ends, holds no connection: whatever its former self wrote down is over. */
export async function replicaGone(db: Db, replica: string): Promise<void> {
  await db.query(
    `with gone as (
       update agents set disconnected_at = clock_timestamp()
       where replica = $1 and connected_at is not null and disconnected_at is null returning workspace_key)
     select pg_notify('bothy_keys', workspace_key) from gone`,
    [replica],
  )
}

/**
 * What an agent's scripts said goes to the log of its workspace's newest build, whether that has ended or not. It counts
 * against the build's own limit, and a full log takes no more.
 */
export async function appendAgentLogs(db: Db, workspaceUid: string, lines: readonly LogLine[]): Promise<void> {
  const clean = lines.map((line) => ({ ...line, stage: line.stage.replaceAll('\0', ''), text: line.text.replaceAll('\0', '') }))
  const bytes = clean.reduce((sum, line) => sum + Buffer.byteLength(line.text), 0)
  await db.query(
    `with newest as (
       select id from jobs where subject_uid = $1 and kind = 'build' order by id desc limit 1
     ), counted as (
       update jobs set log_bytes = log_bytes + $2 where id = (select id from newest) and log_bytes + $2 <= $3 returning id
     ), written as (
       insert into job_logs (job_id, at, stage, level, text)
       select counted.id, to_timestamp(line.at / 1000.0), line.stage, line.level, line.text
       from counted, json_to_recordset($4) with ordinality as line (at double precision, stage text, level text, text text, n bigint)
       order by line.n
     )
     select pg_notify('bothy_logs', id::text) from counted`,
    [workspaceUid, bytes, JOB_LOG_BYTES_MAX, JSON.stringify(clean)],
  )
}
