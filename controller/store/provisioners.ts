import type { ProvisionerRow } from './records.ts'
import type { Db } from './pool.ts'
import type { Question } from './questions.ts'

/** Silent for longer than this, a provisioner does not count: it says so once a minute at least. */
export const PROVISIONER_SILENT_MS = 90_000

/** The first heartbeat, or the first after a silence, is news: whatever waits for a provisioner looks again. */
export async function heartbeatProvisioner(db: Db, row: Omit<ProvisionerRow, 'lastSeenAt'>): Promise<void> {
  await db.query(
    `with before as (
       select 1 from provisioners where id = $1 and last_seen_at > clock_timestamp() - $7 * interval '1 ms'
     ), seen as (
       insert into provisioners as p (id, name, labels, version, capacity, isolation, last_seen_at)
       values ($1, $2, $3, $4, $5, $6, clock_timestamp())
       on conflict (id) do update set
         name = excluded.name, labels = excluded.labels, version = excluded.version, capacity = excluded.capacity,
         isolation = excluded.isolation, last_seen_at = greatest(p.last_seen_at, excluded.last_seen_at)
       returning id
     )
     select pg_notify('bothy_keys', 'Provisioner//' || id) from seen where not exists (select from before)`,
    [row.id, row.name, JSON.stringify(row.labels), row.version, row.capacity, row.isolation, PROVISIONER_SILENT_MS],
  )
}

/** A clean end: nothing is promised to it any more. */
export async function withdrawProvisioner(db: Db, id: string): Promise<void> {
  await db.query(
    `with gone as (delete from provisioners where id = $1 returning id)
     select pg_notify('bothy_keys', 'Provisioner//' || id) from gone`,
    [id],
  )
}

/** Whoever is asked about. */
export const allProvisioners: Question<ProvisionerRow, readonly ProvisionerRow[]> = {
  text: 'select id, name, labels, version, capacity, isolation, last_seen_at as "lastSeenAt" from provisioners order by name, id',
  instants: ['lastSeenAt'],
  int8s: [],
  answer: (rows) => rows,
}

export const listProvisioners = (db: Db): Promise<ProvisionerRow[]> => db.query<ProvisionerRow>(allProvisioners.text)
