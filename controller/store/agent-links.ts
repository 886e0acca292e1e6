import type { Db } from './pool.ts'

/** Who holds the connection of an agent, as far as is written down; null: nobody. */
export async function replicaOf(db: Db, agentId: string): Promise<string | null> {
  const [row] = await db.query<{ replica: string | null }>(
    'select replica from agents where id = $1 and connected_at is not null and disconnected_at is null',
    [agentId],
  )
  return row?.replica ?? null
}

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
