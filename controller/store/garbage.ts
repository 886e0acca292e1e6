import type { Place } from './objects.ts'
import type { Db } from './pool.ts'

/**
 * What has to go, to change or to be let go because of what became of something else. Each answer has only what there is to be
 * done about, so that whoever does it is done when all of them are empty.
 */

/** Holds an object until whatever it owns is gone. */
export const FOREGROUND = 'foregroundDeletion'
/** Holds an object until whatever it owns has forgotten it. */
export const ORPHAN = 'orphan'

type One = Place & { readonly uid: string }

/** Only of what goes, and of what it owns: bodies are searched nowhere else. Postgres reads no JSON that has a zero character anywhere. */
const inMetadata = (object: string, field: string): string =>
  `(replace(${object}.body::text, '\\u0000', '\\u0001')::json #> '{metadata,${field}}')`

const isHeldBy = (object: string, finalizer: string): string =>
  `(case when ${object}.deleting then coalesce(${inMetadata(object, 'finalizers')}::jsonb ? '${finalizer}', false) else false end)`

const owns = (owner: string, dependent: string): string =>
  `(${dependent}.owners <> '{}' and ${dependent}.owners @> array[${owner}.uid] and ${owner}.namespace in ('', ${dependent}.namespace))`

export interface Dependent extends One {
  /** Uids of owners for which it stays. */
  readonly solid: readonly string[]
  /** An owner waits until it is gone. */
  readonly awaited: boolean
  readonly isOwner: boolean
  /** It owns who waits itself for what it owns. */
  readonly awaits: boolean
}

/** Objects of which an owner is gone, or goes and waits for them. */
export function dependentsToJudge(db: Db, limit: number): Promise<Dependent[]> {
  return db.query(
    `select d.kind, d.namespace, d.name, d.uid,
        array(select o.uid from objects o where ${owns('o', 'd')} and not ${isHeldBy('o', FOREGROUND)}) as solid,
        exists (select from objects o where ${owns('o', 'd')} and ${isHeldBy('o', FOREGROUND)}) as awaited,
        exists (select from objects x where ${owns('d', 'x')}) as "isOwner",
        exists (select from objects x where ${owns('d', 'x')} and ${isHeldBy('x', FOREGROUND)}) as awaits
      from objects d where d.owners <> '{}' and not d.deleting
        and exists (select from unnest(d.owners) as named(uid) where not exists (
          select from objects o where o.uid = named.uid and o.namespace in ('', d.namespace) and not ${isHeldBy('o', FOREGROUND)}))
      order by d.version limit $1`,
    [limit],
  )
}

/** Objects with owners that go and leave them. */
export function dependentsToLeave(db: Db, limit: number): Promise<(One & { readonly owners: readonly string[] })[]> {
  return db.query(
    `select d.kind, d.namespace, d.name, d.uid, array_agg(o.uid) as owners from objects o join objects d on ${owns('o', 'd')}
      where ${isHeldBy('o', ORPHAN)} group by d.kind, d.namespace, d.name, d.uid limit $1`,
    [limit],
  )
}

/** Objects that nothing they own holds any more. */
export function objectsToRelease(db: Db, limit: number): Promise<One[]> {
  return db.query(
    `select o.kind, o.namespace, o.name, o.uid from objects o
      where (${isHeldBy('o', ORPHAN)} and not exists (select from objects d where ${owns('o', 'd')}))
        or (${isHeldBy('o', FOREGROUND)} and not exists (
          select from objects d, json_array_elements(${inMetadata('d', 'ownerReferences')}) as said(owner)
          where ${owns('o', 'd')} and d.uid <> o.uid and owner ->> 'uid' = o.uid and owner ->> 'blockOwnerDeletion' = 'true'))
      limit $1`,
    [limit],
  )
}

/** What still has to be deleted in namespaces that end. */
export function objectsInEndingNamespaces(db: Db, limit: number): Promise<One[]> {
  return db.query(
    `select o.kind, o.namespace, o.name, o.uid from objects n join objects o on o.namespace = n.name
      where n.kind = 'Namespace' and n.deleting and not o.deleting order by o.version limit $1`,
    [limit],
  )
}

/** Namespaces that end and hold nothing any more. */
export async function emptyEndingNamespaces(db: Db): Promise<string[]> {
  const rows = await db.query<{ name: string }>(
    `select name from objects n where kind = 'Namespace' and deleting and not exists (select from objects o where o.namespace = n.name)`,
  )
  return rows.map(({ name }) => name)
}
