import type { Db } from './pool.ts'

/** The control planes that share a database, and where they reach each other. */
export interface ReplicaRow {
  readonly name: string
  readonly url: string
  readonly fingerprint: string
}

/** One that has said nothing for a day is not coming back under this name. */
const FORGOTTEN_AFTER = '1 day'

export async function announceReplica(db: Db, { name, url, fingerprint }: ReplicaRow): Promise<void> {
  await db.query(
    `insert into replicas (name, url, fingerprint) values ($1, $2, $3)
     on conflict (name) do update set url = excluded.url, fingerprint = excluded.fingerprint, seen_at = clock_timestamp()`,
    [name, url, fingerprint],
  )
  await db.query(`delete from replicas where seen_at < clock_timestamp() - $1::interval`, [FORGOTTEN_AFTER])
}

export async function replicaNamed(db: Db, name: string): Promise<ReplicaRow | null> {
  const [row] = await db.query<ReplicaRow>('select name, url, fingerprint from replicas where name = $1', [name])
  return row ?? null
}

export async function forgetReplica(db: Db, { name, fingerprint }: Pick<ReplicaRow, 'name' | 'fingerprint'>): Promise<void> {
  await db.query('delete from replicas where name = $1 and fingerprint = $2', [name, fingerprint])
}
