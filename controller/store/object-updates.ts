import { createBatches, type Batches } from '../kernel/batches.ts'
import { Transient } from '../kernel/errors.ts'
import { OBJECTS_CHANNEL, type ObjectContent, type Place } from './objects.ts'
import { KEEP_OLD, NEXT_VERSION } from './past.ts'
import type { Db } from './pool.ts'

/**
 * Objects that are written anew. The row with the newest version is held until the commit is on the disk, so writers stand in
 * line behind each other's disk: those that come while one is written are written together, in one statement and one commit.
 */
interface Update {
  readonly place: Place
  readonly expected: number
  readonly content: ObjectContent
  readonly before: string | null
}

const WRITTEN_AT_ONCE_MAX = 32

const updates = new WeakMap<Db, Batches<Update, number | null>>()

/** null: somebody else wrote since `expected`, nothing was done. */
export function updateObject(db: Db, place: Place, expected: number, content: ObjectContent, before: unknown): Promise<number | null> {
  const known = updates.get(db)
  const batches = known ?? batchesOf(db)
  if (!known) updates.set(db, batches)
  return batches.ask({ place, expected, content, before: before === null ? null : JSON.stringify(before) })
}

const batchesOf = (db: Db): Batches<Update, number | null> =>
  createBatches({
    most: WRITTEN_AT_ONCE_MAX,
    keyOf: ({ place: { kind, namespace, name } }) => `${kind}/${namespace}/${name}`,
    work: async (asked) => {
      const [first] = asked
      return first && asked.length === 1 ? [await updateOne(db, first)] : updateMany(db, asked)
    },
    isUnsure: (error) => error instanceof Transient,
  })

const ONE = {
  name: 'update-object',
  text: `with old as (select kind, namespace, name, version, body from objects
        where kind = $1 and namespace = $2 and name = $3 and uid = $4 and version = $10 for update),
      v as (update object_version set version = version + 1 where exists (select from old) ${NEXT_VERSION}),
      p as (${KEEP_OLD}),
      o as (update objects set version = v.version, body = $5::json, owners = $6::text[], deleting = $7::boolean, applied = $8::json,
          sealed = $9::bytea
        from v where kind = $1 and namespace = $2 and name = $3),
      c as (insert into object_changes (version, kind, type, body, before) select version, $1, 'MODIFIED', $5::json, $11::json from v)
     select version, pg_notify('${OBJECTS_CHANNEL}', '') from v`,
}

async function updateOne(db: Db, { place, expected, content, before }: Update): Promise<number | null> {
  const { uid, body, owners, deleting, applied, sealed } = content
  const values = [place.kind, place.namespace, place.name, uid, body, owners, deleting, JSON.stringify(applied), sealed, expected, before]
  const [row] = await db.query<{ version: string }>(ONE, values)
  return row ? Number(row.version) : null
}

/** Versions in the order of asking; each object is locked before the row of versions is, in the same order by everybody. */
const MANY = {
  name: 'update-objects',
  text: `with asked as (
      select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::json[], $6::json[], $7::boolean[], $8::json[], $9::bytea[],
        $10::bigint[], $11::json[])
        with ordinality as a(kind, namespace, name, uid, body, owners, deleting, applied, sealed, expected, before, at)),
    old as (select a.at, o.kind, o.namespace, o.name, o.version, o.body from asked a
      join objects o on o.kind = a.kind and o.namespace = a.namespace and o.name = a.name and o.uid = a.uid and o.version = a.expected
      order by o.kind, o.namespace, o.name for update of o),
    v as (update object_version set version = version + (select count(*) from old) where exists (select from old) ${NEXT_VERSION}),
    p as (${KEEP_OLD}),
    next as (select a.*, v.version - count(*) over () + row_number() over (order by a.at) as version
      from asked a join old on old.at = a.at cross join v),
    o as (update objects set version = next.version, body = next.body, owners = array(select json_array_elements_text(next.owners)),
        deleting = next.deleting, applied = next.applied, sealed = next.sealed
      from next where objects.kind = next.kind and objects.namespace = next.namespace and objects.name = next.name),
    c as (insert into object_changes (version, kind, type, body, before) select version, kind, 'MODIFIED', body, before from next),
    told as (select pg_notify('${OBJECTS_CHANNEL}', '') from v)
   select at, version, (select count(*) from told) as told from next`,
}

async function updateMany(db: Db, asked: readonly Update[]): Promise<(number | null)[]> {
  const all = <T>(of: (update: Update) => T): T[] => asked.map(of)
  const rows = await db.query<{ at: string; version: string }>(MANY, [
    all(({ place }) => place.kind),
    all(({ place }) => place.namespace),
    all(({ place }) => place.name),
    all(({ content }) => content.uid),
    all(({ content }) => content.body),
    all(({ content }) => JSON.stringify(content.owners)),
    all(({ content }) => content.deleting),
    all(({ content }) => JSON.stringify(content.applied)),
    all(({ content }) => content.sealed),
    all(({ expected }) => expected),
    all(({ before }) => before),
  ])
  const versions = new Map(rows.map(({ at, version }) => [Number(at), Number(version)]))
  return asked.map((_, i) => versions.get(i + 1) ?? null)
}
