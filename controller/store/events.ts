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

/**
 * `repeats` is the version of the event that this one continues; null: it is a new one. false: somebody else continued it meanwhile, or
 * made one of that name.
 */
export async function keepEvent(db: Db, event: EventRow, repeats: number | null): Promise<boolean> {
  const rows = await db.query(
    `with old as (select 'Event' as kind, namespace, name, version, body from events
        where namespace = $2 and name = $3 and version = $11 for update),
      v as (update object_version set version = version + 1
        where case when $11::bigint is null then not exists (select from events where namespace = $2 and name = $3)
          else exists (select from old) end ${NEXT_VERSION}),
      p as (${KEEP_OLD}),
      e as (insert into events (uid, namespace, name, version, regarding, type, reason, note, count, last_at, body)
        select $1, $2, $3, version, $4, $5, $6, $7, $8::int, to_timestamp($9::float8 / 1000), $10::json from v
        on conflict (namespace, name) do update
          set version = excluded.version, count = excluded.count, last_at = excluded.last_at, body = excluded.body
          where $11::bigint is not null
        returning version),
      c as (insert into object_changes (version, kind, type, body)
        select version, 'Event', case when $11::bigint is null then 'ADDED' else 'MODIFIED' end, $10::json from e)
     select version, pg_notify('${OBJECTS_CHANNEL}', '') from e`,
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

/** What happened in a namespace goes with it: a later one of the same name begins with nothing. */
export const removeEventsOf = async (db: Db, namespace: string): Promise<void> => {
  await removeEvents(db, 'namespace = $1', [namespace])
}

/** Whoever watches is told of each that goes, and a list that is read page by page has it still. Answers how many went. */
export async function removeEvents(db: Db, gone: string, values: readonly unknown[]): Promise<number> {
  const [row] = await db.query<{ count: string }>(
    `with removed as (delete from events where ${gone} returning namespace, name, version, body),
      many as (select count(*) as n from removed),
      v as (update object_version set version = version + many.n from many where many.n > 0 ${NEXT_VERSION}),
      old as (select removed.*, v.version - many.n + row_number() over () as until, keeps from removed, many, v),
      p as (insert into past_objects (kind, namespace, name, version, until, body)
        select 'Event', namespace, name, version, until, body from old where keeps),
      c as (insert into object_changes (version, kind, type, body) select until, 'Event', 'DELETED', body from old)
     select many.n as count, pg_notify('${OBJECTS_CHANNEL}', '') from many, v`,
    values,
  )
  return Number(row?.count ?? 0)
}
