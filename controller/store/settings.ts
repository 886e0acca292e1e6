import type { Db } from './pool.ts'
import type { Question } from './questions.ts'

/** A handful of rows about this installation itself. */

/** null where there is none. */
export async function getSetting(db: Db, key: string): Promise<unknown> {
  const [row] = await db.query<{ value: unknown }>('select value from settings where key = $1', [key])
  return row?.value ?? null
}

/** Whoever is asked about. */
export const isSet = (key: 'down'): Question<object, boolean> => ({
  text: `select key from settings where key = '${key}'`,
  instants: [],
  int8s: [],
  answer: (rows) => rows.length > 0,
})

export async function putSetting(db: Db, key: string, value: unknown): Promise<void> {
  await db.query(
    `insert into settings (key, value) values ($1, $2)
     on conflict (key) do update set value = excluded.value, changed_at = clock_timestamp()`,
    [key, JSON.stringify(value)],
  )
}

export async function deleteSetting(db: Db, key: string): Promise<void> {
  await db.query('delete from settings where key = $1', [key])
}
