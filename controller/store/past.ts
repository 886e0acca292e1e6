import type { Db } from './pool.ts'

/**
 * What objects were before they were written or deleted. All pages of a list are of the moment of the first one, so while anybody
 * reads page by page those who write keep what was; else that costs them nothing.
 */

/** From one page to the next, as a cluster has it. */
const KEPT = "interval '5 minutes'"

/** Of a row of `object_version`: it is kept for long enough that nobody has to ask for it again yet. */
export const isKept = (v: string): string => `${v}.past_until > clock_timestamp() + ${KEPT} / 2`

/** Of a row of `object_version`: what was at this version can be read, and at every later one. */
export const readableFrom = (v: string): string => `case when ${v}.past_until > clock_timestamp() then ${v}.past_from else ${v}.version end`

/** From now on and for some minutes. Of what is read after this, all can be read on. */
export async function keepWhatWas(db: Db): Promise<void> {
  await db.query(
    `update object_version v set past_from = ${readableFrom('v')}, past_until = greatest(past_until, clock_timestamp() + ${KEPT})`,
  )
}

/** Part of each write: what `v`, which takes the next version, answers. */
export const NEXT_VERSION = 'returning version, past_until > clock_timestamp() as keeps'

/** Part of each write, where `old` has what was: its kind, its place, its version and its body. */
export const KEEP_OLD = `insert into past_objects (kind, namespace, name, version, until, body)
  select old.kind, old.namespace, old.name, old.version, v.version, old.body from old cross join v where v.keeps`
