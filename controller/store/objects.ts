import { READ_BYTES_MAX } from './lists.ts'
import { KEEP_OLD, NEXT_VERSION } from './past.ts'
import type { Db } from './pool.ts'

/**
 * Rows of declared objects. Each write is one statement: it locks the object, compares the version it was computed from,
 * takes the next version, writes the object and its change, and tells the watchers. What an object means is for `cluster`.
 */

export interface StoredObject {
  readonly version: number
  /** JSON, without metadata.resourceVersion. */
  readonly body: string
  readonly applied: Applied
  /** What nobody sees of it; null: there is no such thing, or it was not asked for. */
  readonly sealed: Buffer | null
}

/** Names of labels and annotations by who declared them. */
export type Applied = Readonly<Record<string, { readonly labels: readonly string[]; readonly annotations: readonly string[] }>>

export interface Place {
  readonly kind: string
  readonly namespace: string
  readonly name: string
}

export interface ObjectContent {
  readonly uid: string
  readonly body: string
  readonly owners: readonly string[]
  readonly deleting: boolean
  readonly applied: Applied
  readonly sealed: Buffer | null
}

export interface StoredChange {
  readonly version: number
  readonly kind: string
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'
  readonly body: string
  /** What selectors saw before; null: the same as in body. */
  readonly before: unknown
  /** When it was written, by the database's clock. */
  readonly at: number
}

export const OBJECTS_CHANNEL = 'bothy_objects'

interface ObjectRow {
  readonly version: string
  readonly body: string
  readonly applied: Applied
  readonly sealed: Buffer | null
}

const fromRow = ({ version, ...row }: ObjectRow): StoredObject => ({ ...row, version: Number(version) })

export async function readObject(db: Db, { kind, namespace, name }: Place): Promise<StoredObject | null> {
  const [row] = await db.query<ObjectRow>(
    {
      name: 'read-object',
      text: 'select version, body::text as body, applied, sealed from objects where kind = $1 and namespace = $2 and name = $3',
    },
    [kind, namespace, name],
  )
  return row ? fromRow(row) : null
}

export type Inserted = { readonly version: number } | 'exists' | 'namespace missing' | 'namespace ending'

/** The namespace is locked for share, so that it cannot begin to end between the look and the insert. */
export async function insertObject(db: Db, place: Place, content: ObjectContent): Promise<Inserted> {
  try {
    const [row] = await db.query<{ version: string | null; taken: boolean; ending: boolean | null }>(
      {
        name: 'insert-object',
        text: `with home as (select deleting from objects where kind = 'Namespace' and namespace = '' and name = $2 for share),
        taken as (select from objects where kind = $1 and namespace = $2 and name = $3),
        v as (update object_version set version = version + 1
          where not exists (select from taken) and ($2 = '' or exists (select from home where not deleting)) returning version),
        o as (insert into objects (kind, namespace, name, uid, version, body, owners, deleting, applied, sealed)
          select $1, $2, $3, $4, version, $5::json, $6::text[], $7::boolean, $8::json, $9::bytea from v),
        c as (insert into object_changes (version, kind, type, body) select version, $1, 'ADDED', $5::json from v),
        told as (select pg_notify('${OBJECTS_CHANNEL}', '') from v)
       select (select version from v) as version, exists (select from taken) as taken,
        (select deleting from home) as ending, (select count(*) from told) as told`,
      },
      [...placed(place), ...contained(content)],
    )
    if (row?.version) return { version: Number(row.version) }
    if (row?.taken) return 'exists'
    return row?.ending ? 'namespace ending' : 'namespace missing'
  } catch (error) {
    if (isUniqueViolation(error)) return 'exists'
    throw error
  }
}

/** Removes the object; `body` is how watchers see it for the last time. A namespace goes only when it is empty. */
export async function removeObject(db: Db, place: Place, expected: number, body: string, before: unknown): Promise<number | null> {
  const [row] = await db.query<{ version: string }>(
    {
      name: 'remove-object',
      text: `with old as (select kind, namespace, name, version, body from objects where kind = $1 and namespace = $2 and name = $3
        and version = $5 and not ($1 = 'Namespace' and exists (select from objects inside where inside.namespace = $3)) for update),
      v as (update object_version set version = version + 1 where exists (select from old) ${NEXT_VERSION}),
      p as (${KEEP_OLD}),
      o as (delete from objects using v where kind = $1 and namespace = $2 and name = $3),
      c as (insert into object_changes (version, kind, type, body, before) select version, $1, 'DELETED', $4::json, $6::json from v)
     select version, pg_notify('${OBJECTS_CHANNEL}', '') from v`,
    },
    [...placed(place), body, expected, before === null ? null : JSON.stringify(before)],
  )
  return row ? Number(row.version) : null
}

export interface Changes {
  /** Newest version there is: where a reader stands that has read all. */
  readonly version: number
  /** Whether there are others behind the last one. */
  readonly more: boolean
  /** Changes up to here are gone. */
  readonly oldest: number
  readonly changes: readonly StoredChange[]
}

export async function changesAfter(db: Db, version: number, limit: number, kind: string | null): Promise<Changes> {
  const rows = await db.query<{
    now: string
    oldest: string
    version: string | null
    kind: string
    type: StoredChange['type']
    body: string
    before: unknown
    at: number
    found: string
  }>(
    {
      name: 'changes-after',
      text: `select v.version as now, v.oldest, c.version, c.kind, c.type, c.body, c.before, c.at, c.found from object_version v
      left join lateral (
        select version, kind, type, body::text as body, before, at, found from (
          select *, count(*) over () as found from (
            select version, kind, type, body, before, at,
              sum(pg_column_size(body)) over (order by version rows unbounded preceding) - pg_column_size(body) as bytes
            from object_changes where version > $1 and ($3::text is null or kind = $3) order by version limit $2
          ) next
        ) counted where bytes < ${READ_BYTES_MAX}
      ) c on true order by c.version`,
    },
    [version, limit, kind],
  )
  const changes = rows.flatMap((row) => (row.version === null ? [] : [{ ...row, version: Number(row.version) }]))
  const found = Number(rows[0]?.found ?? 0)
  const more = found > changes.length || found === limit
  return { version: Number(rows[0]?.now ?? 0), oldest: Number(rows[0]?.oldest ?? 0), more, changes }
}

export async function newestVersion(db: Db): Promise<number> {
  const [row] = await db.query<{ version: string }>('select version from object_version')
  return Number(row?.version ?? 0)
}

const placed = ({ kind, namespace, name }: Place): readonly unknown[] => [kind, namespace, name]

const contained = ({ uid, body, owners, deleting, applied, sealed }: ObjectContent): readonly unknown[] => [
  uid,
  body,
  owners,
  deleting,
  JSON.stringify(applied),
  sealed,
]

const isUniqueViolation = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === '23505'
