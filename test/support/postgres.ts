import { afterAll, inject } from 'vitest'
import { systemClock } from '../../controller/kernel/clock.ts'
import { silentLog } from '../../controller/kernel/log.ts'
import { randomSuffix } from '../../controller/kernel/names.ts'
import { openDb, type Db } from '../../controller/store/pool.ts'
import { databaseUrl } from './global-setup.ts'
import { until } from './until.ts'

export interface TestDatabase {
  readonly db: Db
  readonly url: string
}

const opened: (() => Promise<void>)[] = []
// Here, once a file: a hook that is registered while another hook runs never runs.
afterAll(async () => {
  for (const close of opened.splice(0).toReversed()) await close()
})

/** A fresh, migrated database for the file that asks: `const { db, url } = await withDatabase()`. Dropped after its tests. */
export function withDatabase(): Promise<TestDatabase> {
  return cloned(inject('postgres').template)
}

/** A database with no tables at all. */
export function withEmptyDatabase(): Promise<TestDatabase> {
  return cloned('template0')
}

async function cloned(template: string): Promise<TestDatabase> {
  const server = inject('postgres').url
  const name = `test_${randomSuffix(10)}`
  await asAdmin(server, (admin) => admin.query(`create database ${name} template ${template} strategy file_copy`))
  const url = databaseUrl(server, name)
  const db = openDb(url, { log: silentLog, clock: systemClock, max: 10 })
  opened.push(async () => {
    await db.close()
    await asAdmin(server, (admin) => drop(admin, name))
  })
  return { db, url }
}

/** Fails when a test left a connection open: what leaks here leaks in the program. */
async function drop(admin: Db, name: string): Promise<void> {
  // Postgres itself vacuums when it likes to.
  const open = () =>
    admin.query<{ query: string }>(`select query from pg_stat_activity where datname = $1 and backend_type = 'client backend'`, [name])
  try {
    await until('every connection of this file to be closed', async () => (await open()).length === 0)
  } catch {
    throw new Error(`connections were left open; their last queries: ${JSON.stringify((await open()).map((row) => row.query))}`)
  } finally {
    await admin.query(`drop database ${name} with (force)`)
  }
}

async function asAdmin<T>(url: string, work: (admin: Db) => Promise<T>): Promise<T> {
  const admin = openDb(url, { log: silentLog, clock: systemClock, max: 1 })
  try {
    return await work(admin)
  } finally {
    await admin.close()
  }
}
