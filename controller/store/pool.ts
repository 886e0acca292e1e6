import { Client, Pool, types, type ClientBase, type ClientConfig, type CustomTypesConfig, type PoolClient } from 'pg'
import { fromIso, type Clock } from '../kernel/clock.ts'
import { Misconfigured, Refused, Transient } from '../kernel/errors.ts'
import type { Log } from '../kernel/log.ts'
import { createListener } from './listener.ts'
import { tlsProblem } from './tls-problem.ts'

/**
 * The one door to Postgres. A `timestamptz` arrives as an Instant (milliseconds), an `int8` as a string, `json` parsed.
 * Whatever another try may cure is thrown as `Transient`, what only the operator can cure as `Misconfigured`.
 */
export interface Db {
  /** `limitMs`: how long the answer is waited for, where that may be longer than usual. */
  query<Row = Record<string, unknown>>(sql: string | Statement, values?: readonly unknown[], limitMs?: number): Promise<Row[]>
  /** Inside another transaction it joins that one. */
  transaction<T>(work: (db: Db) => Promise<T>): Promise<T>
  /** `onReconnect` is called whenever notifications may have been missed. Answers how to stop listening. */
  listen(channel: string, onPayload: (payload: string) => void, onReconnect: () => void): Promise<() => Promise<void>>
  notify(channel: string, payload: string): Promise<void>
  stats(): { readonly total: number; readonly idle: number; readonly waiting: number }
  close(): Promise<void>
}

/** What is asked so often that each connection shall read it once. A name has one text for ever. */
export interface Statement {
  readonly name: string
  readonly text: string
}

export interface DbOptions {
  readonly log: Log
  readonly clock: Clock
  /** Connections at most, the listening one not counted. */
  readonly max: number
}

const CONNECT_LIMIT_MS = 10_000
const STATEMENT_LIMIT_MS = 30_000
const IDLE_IN_TRANSACTION_LIMIT_MS = 60_000

export function openDb(url: string, { log, clock, max }: DbOptions): Db {
  const config = clientConfig(url)
  const pool = new Pool({ ...config, max, idleTimeoutMillis: 30_000, allowExitOnIdle: true })
  // A connection that breaks while nobody uses it must not end the process: the next query finds out.
  pool.on('error', (error) => log.debug('an idle connection to Postgres broke', { error: error.message }))
  pool.on('connect', (client) => client.on('error', () => {}))
  const listener = createListener({ log, clock, connect: () => connectListener(config) })
  let closing: Promise<void> | null = null

  const withClient = async <T>(work: (client: ClientBase) => Promise<T>): Promise<T> => {
    const client = await connected(pool).catch((error: unknown) => {
      throw translated(error, url)
    })
    try {
      const answer = await work(client)
      client.release()
      return answer
    } catch (error) {
      client.release(connectionIsBroken(error))
      throw translated(error, url)
    }
  }

  const closeAll = async () => {
    await Promise.all([listener.close(), pool.end()])
  }

  const db: Db = {
    query: (sql, values, limitMs) => withClient((client) => ask(client, sql, values, limitMs)),
    transaction: (work) => withClient((client) => inTransaction(client, db, work)),
    listen: (channel, onPayload, onReconnect) =>
      listener.listen(channel, onPayload, onReconnect).catch((error: unknown) => {
        throw translated(error, url)
      }),
    notify: async (channel, payload) => {
      await db.query('select pg_notify($1, $2)', [channel, payload])
    },
    stats: () => ({ total: pool.totalCount, idle: pool.idleCount, waiting: pool.waitingCount }),
    close: () => (closing ??= closeAll()),
  }
  return db
}

/** Files that the url names are read at once, and not by what is promised. */
const connected = async (pool: Pool): Promise<PoolClient> => pool.connect()

/** One connection, one query: is there a server that lets us in? */
export async function canConnect(url: string): Promise<boolean> {
  const client = new Client({ ...clientConfig(url), connectionTimeoutMillis: 2_000 })
  client.on('error', () => {})
  try {
    await client.connect()
    await client.query('select 1')
    return true
  } catch (error) {
    const cause = translated(error, url)
    if (cause instanceof Transient) return false
    throw cause
  } finally {
    await client.end().catch(() => {})
  }
}

function clientConfig(url: string): ClientConfig {
  return {
    connectionString: url,
    application_name: 'bothy',
    connectionTimeoutMillis: CONNECT_LIMIT_MS,
    statement_timeout: STATEMENT_LIMIT_MS,
    // Longer than the server's own limit: this one only finds a connection whose other end is gone.
    query_timeout: STATEMENT_LIMIT_MS + 5_000,
    idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_LIMIT_MS,
    keepAlive: true,
    // A plan that is kept was made for the tables as they were then: one made for a few rows would read all of many.
    options: '-c plan_cache_mode=force_custom_plan',
    types: instantTypes,
  }
}

async function ask<Row>(client: ClientBase, sql: string | Statement, values?: readonly unknown[], limitMs?: number): Promise<Row[]> {
  const named = typeof sql === 'string' ? { text: sql } : sql
  const query = { ...named, ...(values ? { values: [...values] } : {}), ...(limitMs === undefined ? {} : { query_timeout: limitMs }) }
  const result = await client.query(query)
  return result.rows
}

async function inTransaction<T>(client: ClientBase, outer: Db, work: (db: Db) => Promise<T>): Promise<T> {
  const db: Db = {
    ...outer,
    query: (sql, values, limitMs) => ask(client, sql, values, limitMs),
    transaction: (inner) => inner(db),
    notify: async (channel, payload) => {
      await client.query('select pg_notify($1, $2)', [channel, payload])
    },
  }
  await client.query('begin')
  let answer: T
  try {
    answer = await work(db)
  } catch (error) {
    await client.query('rollback').catch(() => {})
    throw error
  }
  const end = await client.query('commit')
  // Postgres answers the commit of a transaction in which a statement failed with a rollback, and no error.
  if (end.command !== 'COMMIT') throw new Error('a failed statement was swallowed inside a transaction: nothing of it was kept')
  return answer
}

async function connectListener(config: ClientConfig): Promise<Client> {
  const client = new Client({ ...config, application_name: 'bothy-listen' })
  client.on('error', () => {})
  await client.connect()
  return client
}

const TIMESTAMPTZ = 1184

/** `2026-11-21 08:00:00.123456+00`, in any zone the session may have. */
const instantOf = (text: string): number => fromIso(text.replace(' ', 'T').replace(/([+-]\d\d)$/, '$1:00')) ?? Number.NaN

const instantTypes: CustomTypesConfig = {
  getTypeParser: (oid: number, format?: 'text' | 'binary') =>
    oid === TIMESTAMPTZ && format !== 'binary' ? instantOf : types.getTypeParser(oid, format),
}

const NETWORK_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOENT',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  // Too many files are open here, or on the machine: connections are among them.
  'EMFILE',
  'ENFILE',
])
const NETWORK_MESSAGE = /connection terminated|timeout exceeded when trying to connect|not queryable|query read timeout|connection timeout/i

/** Serialization, deadlock, lock and statement limits, too many connections, and a server that is starting or stopping. */
const TRANSIENT_SQLSTATE = /^(40001$|40P01$|53|55P03$|57014$|57P0|25P03$)/
/** Password, role or database wrong; or the role may not do what the program must do. */
const OPERATOR_SQLSTATE = /^(28000|28P01|3D000|42501)$/

/** Whoever wrote the text is told; Postgres alone knows which texts have a column of their own. */
const NO_TEXT = '22021'

const codeOf = (error: unknown): string => (error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '')

function connectionIsBroken(error: unknown): boolean {
  const code = codeOf(error)
  return NETWORK_CODES.has(code) || /^(080|57P0|25P03)/.test(code) || (error instanceof Error && NETWORK_MESSAGE.test(error.message))
}

function translated(error: unknown, url: string): unknown {
  if (!(error instanceof Error) || error instanceof Transient || error instanceof Misconfigured) return error
  const code = codeOf(error)
  const text = error.message || firstMessage(error) || code
  const call = 'syscall' in error && typeof error.syscall === 'string' ? error.syscall : ''
  const remedy = tlsProblem({ code, text, call })
  if (remedy !== null) return new Misconfigured(`Postgres at ${placeOf(url)} cannot be used: ${text}. ${remedy}`, { cause: error })
  if (connectionIsBroken(error)) return new Transient(`Postgres at ${placeOf(url)} cannot be reached: ${text}`, { cause: error })
  if (code === NO_TEXT) return new Refused('BadRequest', 'a text has the character U+0000, which cannot be kept')
  if (TRANSIENT_SQLSTATE.test(code)) return new Transient(`Postgres: ${text} (${code})`, { cause: error })
  if (OPERATOR_SQLSTATE.test(code)) {
    return new Misconfigured(
      `Postgres at ${placeOf(url)} refuses: ${text} (${code}). Check user, password and database in DATABASE_URL; the role must be allowed to create tables there.`,
      { cause: error },
    )
  }
  return error
}

/** Node tries every address of a name and throws all of their errors as one without a message. */
const firstMessage = (error: Error): string =>
  error instanceof AggregateError && error.errors[0] instanceof Error ? error.errors[0].message : ''

/** Where the server is, for messages: never the password. */
function placeOf(url: string): string {
  if (!URL.canParse(url)) return 'DATABASE_URL'
  const parsed = new URL(url)
  return `${parsed.searchParams.get('host') ?? parsed.host}${parsed.pathname}`
}

/** The database's own clock: leases and limits compare with nothing else. */
export async function databaseNow(db: Db): Promise<number> {
  const [row] = await db.query<{ now: number }>('select clock_timestamp() as now')
  if (!row) throw new Error('Postgres answered no row to a query that always has one')
  return row.now
}
