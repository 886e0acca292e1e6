import { isKept, readableFrom } from './past.ts'
import type { Db } from './pool.ts'

/** Lists of objects and of events, page by page and as they were at one version. */

export interface ListQuery {
  readonly kind: string
  readonly namespace: string | null
  readonly name: string | null
  /** Everything after this place, in order of namespace and name. */
  readonly after: { readonly namespace: string; readonly name: string } | null
  /** The version whose state is read; null: the newest. */
  readonly at: number | null
  readonly limit: number
}

export interface Listed {
  /** The newest there is. */
  readonly version: number
  /** The state of an earlier version cannot be read any more, or no watch can begin there. */
  readonly oldest: number
  /** What is read now can be read on for a while; otherwise somebody who wants to has to ask for that. */
  readonly isKept: boolean
  /** Whether there are others behind the last one. */
  readonly more: boolean
  readonly objects: readonly { readonly namespace: string; readonly name: string; readonly version: number; readonly body: string }[]
}

/**
 * So much is read at once of what people store, as it lies on the disk: that is known of a row without reading it. In memory it
 * is some times as much. One is read however large it is.
 */
export const READ_BYTES_MAX = 256 * 1024

/** Those that are wanted, as they were then: either they are so yet, or that was kept. What follows is said of both. */
const wantedOf = ({ kind }: Pick<ListQuery, 'kind'>, then = ''): string => {
  const wanted = `($2::text is null or namespace = $2) and ($3::text is null or name = $3)
    and ($4::text is null or (namespace, name) > ($4, $5)) and ($6::bigint is null or version <= $6) ${then}`
  return `(select namespace, name, version, body from ${kind === 'Event' ? `events where $1::text = 'Event'` : 'objects where kind = $1'} and ${wanted})
    union all (select namespace, name, version, body from past_objects where kind = $1 and until > $6 and ${wanted})`
}

const valuesOf = ({ kind, namespace, name, after, at }: Omit<ListQuery, 'limit'>): readonly unknown[] => [
  kind,
  namespace,
  name,
  after?.namespace ?? null,
  after?.name ?? null,
  at,
]

/** Everything in one snapshot. */
export async function listObjects(db: Db, query: ListQuery): Promise<Listed> {
  const rows = await db.query<{
    now: string
    oldest: string
    kept: boolean
    namespace: string | null
    name: string
    version: string
    body: string
    found: string
  }>(
    `select v.version as now, greatest(v.oldest, ${readableFrom('v')}) as oldest, ${isKept('v')} as kept,
        o.namespace, o.name, o.version, o.body, o.found
      from object_version v
      left join lateral (
        select namespace, name, version, body::text as body, found from (
          select *, count(*) over () as found, row_number() over stored as nth,
            sum(pg_column_size(body)) over stored - pg_column_size(body) as bytes
          from (
            select * from (${wantedOf(query, 'order by namespace, name limit $7 + 1')}) every order by namespace, name limit $7 + 1
          ) next window stored as (order by namespace, name rows unbounded preceding)
        ) counted where nth <= $7 and bytes < ${READ_BYTES_MAX}
      ) o on true order by o.namespace, o.name`,
    [...valuesOf(query), query.limit],
  )
  const objects = rows.flatMap(({ namespace, name, version, body }) =>
    namespace === null ? [] : [{ namespace, name, version: Number(version), body }],
  )
  const [first] = rows
  return {
    version: Number(first?.now ?? 0),
    oldest: Number(first?.oldest ?? 0),
    isKept: first?.kept ?? false,
    more: Number(first?.found ?? 0) > objects.length,
    objects,
  }
}

export async function countObjects(db: Db, query: Omit<ListQuery, 'limit'>): Promise<number> {
  const [row] = await db.query<{ count: string }>(`select count(*) as count from (${wantedOf(query)}) every`, valuesOf(query))
  return Number(row?.count ?? 0)
}
