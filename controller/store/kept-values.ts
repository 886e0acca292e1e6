import { createHmac } from 'node:crypto'
import type { Clock } from '../kernel/clock.ts'
import { Stalled } from '../kernel/errors.ts'
import { isKept, keptToken } from '../kernel/kept.ts'
import type { Db } from './pool.ts'
import type { Sealer } from './sealed.ts'

/**
 * Values that must not be written down: kept sealed under a token, and opened by whoever builds. The token is the same for
 * the same value of the same template, so that what is compared are tokens, and it opens for that template alone.
 *
 *   bothy-kept:<hmac-sha256 of template and value, hex>
 */
export interface KeptValues {
  keep(templateUid: string, value: string): Promise<string>
}

/** What is used is written again now and then, so that what nobody uses any more can be told apart. */
const WRITTEN_AGAIN_MS = 3_600_000
const KNOWN_MAX = 10_000

const contextOf = (templateUid: string): string => `variable of template ${templateUid}`

export function createKeptValues(db: Db, sealer: Sealer, clock: Clock): KeptValues {
  const key = sealer.derive('kept values')
  const written = new Map<string, number>()
  return {
    async keep(templateUid, value) {
      const token = keptToken(createHmac('sha256', key).update(`${templateUid}\0${value}`).digest('hex'))
      if (clock.elapsedMs() - (written.get(token) ?? -Infinity) < WRITTEN_AGAIN_MS) return token
      await db.query(
        `insert into kept_values (token, template_uid, sealed) values ($1, $2, $3)
         on conflict (token) do update set used_at = clock_timestamp()`,
        [token, templateUid, sealer.seal(Buffer.from(value), contextOf(templateUid))],
      )
      if (written.size >= KNOWN_MAX) written.clear()
      written.set(token, clock.elapsedMs())
      return token
    },
  }
}

export interface Opened {
  readonly variables: Readonly<Record<string, string>>
  /** Those values among them that nobody may see. */
  readonly secrets: readonly string[]
}

/** Variables as terraform is given them. */
export async function openVariables(
  db: Db,
  sealer: Sealer,
  templateUid: string,
  variables: Readonly<Record<string, string>>,
): Promise<Opened> {
  const tokens = Object.values(variables).filter((value) => isKept(value))
  if (tokens.length === 0) return { variables, secrets: [] }
  const rows = await db.query<{ token: string; sealed: Buffer }>(
    'select token, sealed from kept_values where token = any($1) and template_uid = $2',
    [tokens, templateUid],
  )
  const values = new Map(rows.map(({ token, sealed }) => [token, sealer.open(sealed, contextOf(templateUid)).toString()]))
  const opened = Object.entries(variables).map(([name, value]): [string, string] => {
    if (!isKept(value)) return [name, value]
    const clear = values.get(value)
    if (clear === undefined)
      throw new Stalled('VariableMissing', `the value of variable ${name} is no longer kept: it is read again with the next build`)
    return [name, clear]
  })
  return { variables: Object.fromEntries(opened), secrets: [...values.values()] }
}
