import { OBJECTS_CHANNEL } from './objects.ts'
import { KEEP_OLD, NEXT_VERSION } from './past.ts'
import type { Db } from './pool.ts'

/** Happenings as rows. Each write takes a version and leaves a change, as objects do, so that events can be watched too. */

export interface EventRow {
  readonly uid: string
  readonly namespace: string
  readonly name: string
  readonly regarding: string
  readonly type: string
  readonly reason: string
  readonly note: string
  readonly count: number
  /** Milliseconds. */
  readonly lastAt: number
  readonly body: string
}

export interface EventKept {
  readonly version: number
  readonly count: number
  readonly body: string
}

/** The newest of the same happening after `since`; a repeat is counted there. */
export async function repeatedEvent(
  db: Db,
  event: Pick<EventRow, 'regarding' | 'type' | 'reason' | 'note'>,
  since: number,
): Promise<EventKept | null> {
  const [row] = await db.query<{ version: string; count: number; body: string }>(
    `select version, count, body::text as body from events
      where regarding = $1 and type = $2 and reason = $3 and note = $4 and last_at > to_timestamp($5::float8 / 1000)
      order by last_at desc limit 1`,
    [event.regarding, event.type, event.reason, event.note, since],
  )
  return row ? { ...row, version: Number(row.version) } : null
}

/** `repeats` is the version of the event that this one continues; false: somebody else continued it meanwhile. */
export async function keepEvent(db: Db, event: EventRow, repeats: number | null): Promise<boolean> {
  const rows = await db.query(
    `with old as (select 'Event' as kind, namespace, name, version, body from events
        where namespace = $2 and name = $3 and version = $11 for update),
      v as (update object_version set version = version + 1 where $11::bigint is null or exists (select from old) ${NEXT_VERSION}),
      p as (${KEEP_OLD}),
      e as (insert into events (uid, namespace, name, version, regarding, type, reason, note, count, last_at, body)
        select $1, $2, $3, version, $4, $5, $6, $7, $8::int, to_timestamp($9::float8 / 1000), $10::json from v
        on conflict (namespace, name) do update
          set version = excluded.version, count = excluded.count, last_at = excluded.last_at, body = excluded.body),
      c as (insert into object_changes (version, kind, type, body)
        select version, 'Event', case when $11::bigint is null then 'ADDED' else 'MODIFIED' end, $10::json from v)
     select version, pg_notify('${OBJECTS_CHANNEL}', '') from v`,
    [
      event.uid,
      event.namespace,
      event.name,
      event.regarding,
      event.type,
      event.reason,
      event.note,
      event.count,
      event.lastAt,
      event.body,
      repeats,
    ],
  )
  return rows.length > 0
}

export async function readEvent(
  db: Db,
  namespace: string,
  name: string,
): Promise<{ readonly version: number; readonly body: string } | null> {
  const [row] = await db.query<{ version: string; body: string }>(
    'select version, body::text as body from events where namespace = $1 and name = $2',
    [namespace, name],
  )
  return row ? { body: row.body, version: Number(row.version) } : null
}

/** What happened in a namespace goes with it, and watchers are told: a later one of the same name begins with nothing. */
export async function removeEventsOf(db: Db, namespace: string): Promise<void> {
  await db.query(
    `with old as (delete from events where namespace = $1 returning 'Event' as kind, namespace, name, version, body),
      many as (select count(*) as n from old),
      v as (update object_version set version = version + many.n from many where many.n > 0 ${NEXT_VERSION}),
      p as (${KEEP_OLD}),
      c as (insert into object_changes (version, kind, type, body)
        select v.version - many.n + row_number() over (), 'Event', 'DELETED', old.body from old, many, v)
     select pg_notify('${OBJECTS_CHANNEL}', '') from v`,
    [namespace],
  )
}
