import { expect, test } from 'vitest'
import { systemClock } from '../../controller/kernel/clock.ts'
import { Misconfigured, Transient } from '../../controller/kernel/errors.ts'
import { silentLog } from '../../controller/kernel/log.ts'
import { databaseNow, openDb } from '../../controller/store/pool.ts'
import { withDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'

const { db, url } = await withDatabase()
const options = { log: silentLog, clock: systemClock, max: 2 }

test('an instant comes as milliseconds, a big number as text, JSON parsed', async () => {
  const [row] = await db.query(
    `select timestamptz '2026-11-21 08:00:00.123456+00' as at, 12::int8 as id, '{"a":1}'::jsonb as data, null::timestamptz as none`,
  )
  expect(row).toEqual({ at: Date.parse('2026-11-21T08:00:00.123Z'), id: '12', data: { a: 1 }, none: null })
})

test('an instant is the same in a session of another zone', async () => {
  const at = await db.transaction(async (tx) => {
    await tx.query(`set local timezone = 'Asia/Kolkata'`)
    return tx.query(`select timestamptz '2026-11-21 08:00:00+00' as at`)
  })
  expect(at).toEqual([{ at: Date.parse('2026-11-21T08:00:00Z') }])
})

test('the clock of the database runs', async () => {
  const first = await databaseNow(db)
  expect(await databaseNow(db)).toBeGreaterThanOrEqual(first)
})

test('a query is waited for as long as it was given', async () => {
  await expect(db.query('select pg_sleep(5)', [], 50)).rejects.toThrow(/Query read timeout/)
  expect(await db.query('select 1 as one from pg_sleep(0.1)', [], 5_000)).toEqual([{ one: 1 }])
})

test('a transaction that throws keeps nothing', async () => {
  await db.query('create table kept (x int)')
  const failure = db.transaction(async (tx) => {
    await tx.query('insert into kept values (1)')
    throw new Error('cut')
  })
  await expect(failure).rejects.toThrow('cut')
  expect(await db.query('select * from kept')).toEqual([])
})

test('a swallowed failure inside a transaction does not pass for a commit', async () => {
  const swallowed = db.transaction((tx) => tx.query('select 1/0').catch(() => []))
  await expect(swallowed).rejects.toThrow('nothing of it was kept')
})

test('a server that is not there is Transient, and the message names the place but not the password', async () => {
  const nowhere = openDb('postgresql://ada:secret@127.0.0.1:1/bothy', options)
  const error: unknown = await nowhere.query('select 1').catch((thrown: unknown) => thrown)
  expect(error).toBeInstanceOf(Transient)
  expect(String(error)).toContain('Postgres at 127.0.0.1:1/bothy cannot be reached')
  expect(String(error)).not.toContain('secret')
  await nowhere.close()
})

test('a wrong password is for the operator', async () => {
  const wrong = openDb(url.replace(/:[^:@/]+@/, ':wrong@'), options)
  await expect(wrong.query('select 1')).rejects.toThrow(Misconfigured)
  await wrong.close()
})

test('a role that may not create tables is for the operator', async () => {
  await db.query(`create role weak_${process.pid} login password 'weak'`)
  const weak = openDb(url.replace(/\/\/[^@]+@/, `//weak_${process.pid}:weak@`), options)
  await expect(weak.query('create table mine (x int)')).rejects.toThrow(Misconfigured)
  await weak.close()
  await db.query(`drop role weak_${process.pid}`)
})

test('notifications arrive, and arrive again after the connection was cut, with a call to read anew', async () => {
  const heard: string[] = []
  let reconnects = 0
  const stop = await db.listen(
    'bothy_keys',
    (payload) => heard.push(payload),
    () => (reconnects += 1),
  )
  await db.notify('bothy_keys', 'Workspace/default/one')
  await until('the first', () => heard.includes('Workspace/default/one'))
  await db.query(
    `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and application_name = 'bothy-listen'`,
  )
  await until('the reconnect', () => reconnects === 1)
  await db.notify('bothy_keys', 'Workspace/default/two')
  await until('the second', () => heard.includes('Workspace/default/two'))
  await stop()
  await db.notify('bothy_keys', 'Workspace/default/three')
  await db.query('select 1')
  expect(heard).toEqual(['Workspace/default/one', 'Workspace/default/two'])
})

test('a query survives that its idle connections were cut', async () => {
  await db.query('select 1')
  await db.query(`select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()`)
  const answer = await until('an answer', () => db.query('select 1 as one').catch(() => null))
  expect(answer).toEqual([{ one: 1 }])
})

test('a statement with a name is read once, and planned for the tables as they are', async () => {
  const one = openDb(url, { log: silentLog, clock: systemClock, max: 1 })
  try {
    const statement = { name: 'of-the-test', text: 'select $1::int as given' }
    for (let i = 0; i < 8; i += 1) expect(await one.query(statement, [i])).toEqual([{ given: i }])
    const rows = await one.query("select generic_plans, custom_plans from pg_prepared_statements where name = 'of-the-test'")
    expect(rows).toEqual([{ generic_plans: '0', custom_plans: '8' }])
  } finally {
    await one.close()
  }
})
