import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Misconfigured } from '../../controller/kernel/errors.ts'
import { silentLog } from '../../controller/kernel/log.ts'
import { isAhead, isBehind, migrate, readMigrations } from '../../controller/store/migrate.ts'
import { withDatabase, withEmptyDatabase } from '../support/postgres.ts'

const newest = (await readMigrations(join(import.meta.dirname, '../../controller/store/migrations'))).at(-1)!.version

test('eight that start at once apply every migration once', async () => {
  const { db } = await withEmptyDatabase()
  const answers = await Promise.all(Array.from({ length: 8 }, () => migrate(db, silentLog)))
  expect(answers.map(({ to }) => to)).toEqual(Array(8).fill(newest))
  const applied = await db.query<{ version: number }>('select version from schema_migrations order by version')
  expect(applied.map(({ version }) => version)).toEqual(Array.from({ length: newest }, (_, i) => i + 1))
  expect(await migrate(db, silentLog)).toEqual({ from: newest, to: newest })
})

test('a database newer than the program is refused and left alone', async () => {
  const { db } = await withDatabase()
  await db.query(`insert into schema_migrations (version, name, digest) values ($1, 'later', 'x')`, [newest + 1])
  await expect(migrate(db, silentLog)).rejects.toThrow(
    new Misconfigured(
      `The database has schema ${newest + 1}, this program knows only up to ${newest}. Nothing was changed: run the newer program.`,
    ),
  )
})

test('a program knows whether the database has yet to be moved on for it, or has moved on without it', async () => {
  const { db } = await withEmptyDatabase()
  expect(await isAhead(db)).toBe(true)
  await migrate(db, silentLog)
  expect([await isAhead(db), await isBehind(db)]).toEqual([false, false])
  await db.query('delete from schema_migrations where version = $1', [newest])
  expect([await isAhead(db), await isBehind(db)]).toEqual([true, false])
  await db.query(`insert into schema_migrations (version, name, digest) values ($1, 'later', 'x')`, [newest + 1])
  expect([await isAhead(db), await isBehind(db)]).toEqual([false, true])
})

test('a migration that changed after it was applied is refused', async () => {
  const { db } = await withDatabase()
  await db.query(`update schema_migrations set digest = 'other' where version = 2`)
  await expect(migrate(db, silentLog)).rejects.toThrow('Migration 2 (jobs) of this database is not the file 2 (jobs)')
})

test('a migration that fails leaves nothing of itself', async () => {
  const { db } = await withEmptyDatabase()
  // In the way of the second one, half way through.
  await db.query('create table states (x int)')
  await expect(migrate(db, silentLog)).rejects.toThrow('already exists')
  expect(await db.query('select version from schema_migrations')).toEqual([{ version: 1 }])
  expect(await db.query(`select to_regclass('jobs') as jobs`)).toEqual([{ jobs: null }])
  await db.query('drop table states')
  expect(await migrate(db, silentLog)).toEqual({ from: 1, to: newest })
})
