import { fromIso } from '../kernel/clock.ts'
import type { Db } from './pool.ts'

/**
 * What is asked about many workspaces at once: `$1` are their uids. Several are one statement, of one moment, and its answers come
 * as JSON: to send a statement and to read what its columns are costs more than a few rows do.
 */
export interface Question<Row, Answer> {
  readonly text: string
  /** Of its columns those that are `timestamptz`, which JSON does not tell from text. */
  readonly instants: readonly (keyof Row & string)[]
  /** Those that are `int8`, which would be numbers. */
  readonly int8s: readonly (keyof Row & string)[]
  readonly answer: (rows: readonly Row[]) => Answer
}

// What rows look like is between a question and itself.
// oxlint-disable-next-line typescript/no-explicit-any
type Questions = Readonly<Record<string, Question<any, unknown>>>
type Answers<Asked extends Questions> = { readonly [Name in keyof Asked]: ReturnType<Asked[Name]['answer']> }

export async function answersTo<Asked extends Questions>(db: Db, asked: Asked, uids: readonly string[]): Promise<Answers<Asked>> {
  const columns = Object.entries(asked).map(([name, { text }]) => `(select json_agg(rows) from (${text}) as rows) as "${name}"`)
  const [row = {}] = await db.query<Record<string, Json[] | null>>(`select ${columns.join(',\n')}`, [uids])
  const answers = Object.entries(asked).map(([name, { answer, ...columns }]) => [
    name,
    answer((row[name] ?? []).map((each) => asByTheDriver(each, columns))),
  ])
  return Object.fromEntries(answers) as Answers<Asked>
}

type Json = Record<string, unknown>

function asByTheDriver(row: Json, { instants, int8s }: { readonly instants: readonly string[]; readonly int8s: readonly string[] }): Json {
  for (const name of instants) {
    const text = row[name]
    if (typeof text === 'string') row[name] = fromIso(text)
  }
  for (const name of int8s) if (typeof row[name] === 'number') row[name] = String(row[name])
  return row
}
