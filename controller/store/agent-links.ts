import { appendLogs, type LogLine } from './logs.ts'
import type { Db } from './pool.ts'
import { buildsOf } from './read-jobs.ts'

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

/** What an agent's scripts said goes to the log of its workspace's newest build, whether that has ended or not. */
export async function appendAgentLogs(db: Db, workspaceUid: string, lines: readonly LogLine[]): Promise<void> {
  const [build] = await buildsOf(db, workspaceUid, 1)
  if (build) await appendLogs(db, build.id, lines)
}
