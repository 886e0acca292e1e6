import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Misconfigured } from '../kernel/errors.ts'
import type { Log } from '../kernel/log.ts'
import { sha256 } from '../kernel/names.ts'
import type { Db } from './pool.ts'

/**
 * Forward only. Every file is applied once, in one transaction, under one lock, so any number of processes may start
 * together. A database that is newer than the program, or a file that changed after it was applied, is refused.
 */
export interface Migration {
  readonly version: number
  readonly name: string
  readonly digest: string
  readonly sql: string
}

interface Applied {
  readonly version: number
  readonly name: string
  readonly digest: string
}

const FOLDER = join(import.meta.dirname, 'migrations')
const FILE = /^(\d{4})_([a-z_]+)\.sql$/
/** Large tables take their time, and so does whoever migrates them before us. */
const PATIENCE_MS = 24 * 3_600_000
/** Any number, as long as everybody who migrates takes the same. */
const LOCK = 7_080_001

export async function migrate(db: Db, log: Log): Promise<{ readonly from: number; readonly to: number }> {
  const migrations = await readMigrations(FOLDER)
  const applied = await db.transaction((tx) => appliedSoFar(tx))
  refuseStrangers(applied, migrations)
  const from = applied.at(-1)?.version ?? 0
  for (const migration of migrations.slice(applied.length)) {
    await db.transaction((tx) => applyOnce(tx, migration, log))
  }
  return { from, to: migrations.at(-1)?.version ?? 0 }
}

/** Whether the database has moved on since this program was made: a newer one runs beside it. */
export const isBehind = async (db: Db): Promise<boolean> => (await schemaOf(db)) > (await newest())

/** Whether the database lacks what this program asks of it: a control plane has yet to move it on. */
export async function isAhead(db: Db): Promise<boolean> {
  const [table] = await db.query<{ made: boolean }>(`select to_regclass('schema_migrations') is not null as made`)
  return !table?.made || (await schemaOf(db)) < (await newest())
}

async function schemaOf(db: Db): Promise<number> {
  const [row] = await db.query<{ version: number | null }>('select max(version) as version from schema_migrations')
  return row?.version ?? 0
}

const newest = (): Promise<number> => (known ??= readMigrations(FOLDER).then((migrations) => migrations.at(-1)?.version ?? 0))

let known: Promise<number> | null = null

export async function readMigrations(folder: string): Promise<readonly Migration[]> {
  const files = (await readdir(folder)).filter((file) => file.endsWith('.sql')).sort()
  return Promise.all(
    files.map(async (file) => {
      const [, version, name] = FILE.exec(file) ?? []
      if (!version || !name) throw new Error(`${file} is no name for a migration: write 0001_name.sql`)
      const sql = await readFile(join(folder, file), 'utf8')
      return { version: Number(version), name, digest: sha256(sql), sql }
    }),
  )
}

async function lock(tx: Db): Promise<void> {
  await tx.query('set local statement_timeout = 0')
  await tx.query('select pg_advisory_xact_lock($1)', [LOCK], PATIENCE_MS)
}

async function appliedSoFar(tx: Db): Promise<readonly Applied[]> {
  await lock(tx)
  await tx.query(`create table if not exists schema_migrations (
    version int primary key, name text not null, digest text not null, applied_at timestamptz not null default clock_timestamp())`)
  return tx.query<Applied>('select version, name, digest from schema_migrations order by version')
}

function refuseStrangers(applied: readonly Applied[], migrations: readonly Migration[]): void {
  for (const [i, row] of applied.entries()) {
    const file = migrations[i]
    if (!file) {
      throw new Misconfigured(
        `The database has schema ${applied.at(-1)?.version}, this program knows only up to ${migrations.at(-1)?.version ?? 0}. Nothing was changed: run the newer program.`,
      )
    }
    if (row.version !== file.version || row.digest !== file.digest) {
      throw new Misconfigured(
        `Migration ${row.version} (${row.name}) of this database is not the file ${file.version} (${file.name}) of this program. Nothing was changed: run the program that made this database, or use another database.`,
      )
    }
  }
}

async function applyOnce(tx: Db, migration: Migration, log: Log): Promise<void> {
  await lock(tx)
  const done = await tx.query('select 1 from schema_migrations where version = $1', [migration.version])
  if (done.length > 0) return
  await tx.query(migration.sql, undefined, PATIENCE_MS)
  await tx.query('insert into schema_migrations (version, name, digest) values ($1, $2, $3)', [
    migration.version,
    migration.name,
    migration.digest,
  ])
  log.info('the schema moved on', { version: migration.version, name: migration.name })
}
