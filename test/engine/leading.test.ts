import { afterEach, expect, test } from 'vitest'
import { systemClock } from '../../controller/kernel/clock.ts'
import { Transient } from '../../controller/kernel/errors.ts'
import { silentLog } from '../../controller/kernel/log.ts'
import { createMetrics } from '../../controller/kernel/metrics.ts'
import { randomSuffix } from '../../controller/kernel/names.ts'
import { lead, type Leading, type Term } from '../../controller/reconcile/leading.ts'
import { openDb } from '../../controller/store/pool.ts'
import { withDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'

const { db, url } = await withDatabase()

interface Replica {
  readonly leading: Leading
  readonly terms: readonly Term[]
  ended(): number
  /** As a process that was killed: it renews nothing and gives nothing back. */
  vanish(): Promise<void>
}

const replicas: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const each of replicas.splice(0)) await each.close()
  await db.query('delete from schema_migrations where version > 9000')
})

function replica(name: string, holder: string, able?: () => boolean): Replica {
  const own = openDb(url, { log: silentLog, clock: systemClock, max: 4 })
  const terms: Term[] = []
  let ended = 0
  const leading = lead({
    db: own,
    clock: systemClock,
    log: silentLog,
    metrics: createMetrics(),
    name,
    holder,
    ...(able ? { able } : {}),
    begin: async (term) => void terms.push(term),
    end: async () => void (ended += 1),
  })
  const close = async () => {
    // One that vanished cannot give back what it held.
    await leading.close().catch(() => {})
    await own.close()
  }
  replicas.push({ close })
  return { leading, terms, ended: () => ended, vanish: () => own.close() }
}

const one = (name: string, ...of: readonly Replica[]): Promise<Replica> =>
  until(`one of ${of.length} to lead ${name}`, () => of.find(({ leading, terms }) => leading.leads && terms.length > 0))

const fresh = () => `lease-${randomSuffix(6)}`

test('of several replicas one leads, and the next begins as soon as it ends', async () => {
  const name = fresh()
  const three = [replica(name, 'a'), replica(name, 'b'), replica(name, 'c')]
  const first = await one(name, ...three)
  expect(three.filter(({ leading }) => leading.leads)).toEqual([first])
  await first.leading.close()
  // It was given back, so that nobody waits for its end.
  const kept = 'select 1 from leases where name = $1 and epoch = $2 and lease_until > clock_timestamp()'
  expect(await db.query(kept, [name, first.terms[0]?.epoch])).toEqual([])
  expect(first.ended()).toBe(1)
  const rest = three.filter((each) => each !== first)
  const second = await one(name, ...rest)
  // One that was answered too late has taken an epoch that it does not use.
  expect(second.terms.at(-1)?.epoch).toBeGreaterThan(first.terms.at(-1)?.epoch ?? Infinity)
})

test('one that vanishes is followed by the next, and can do nothing any more', async () => {
  const name = fresh()
  const [a, b] = [replica(name, 'a'), replica(name, 'b')]
  const first = await one(name, a, b)
  const [term] = first.terms
  if (!term) throw new Error('it has no term')
  await term.assert()
  await term.fenced.query('select 1')
  const next = first === a ? b : a
  await first.vanish()
  await one(name, next)
  await until('the one that vanished to notice', () => !first.leading.leads)
  await expect(term.assert()).rejects.toThrow(Transient)
})

test('a statement of a former holder is refused by the database, whatever it believes', async () => {
  const name = fresh()
  const only = replica(name, 'a')
  await one(name, only)
  const [term] = only.terms
  if (!term) throw new Error('it has no term')
  await db.query('create table if not exists fenced_probe (n int)')
  await term.fenced.query('insert into fenced_probe values (1)')
  await db.query(
    `update leases set epoch = epoch + 1, holder = 'thief', lease_until = clock_timestamp() + interval '1 minute' where name = $1`,
    [name],
  )
  await expect(term.fenced.query('insert into fenced_probe values (2)')).rejects.toThrow('no longer held')
  await expect(term.fenced.transaction((tx) => tx.query('insert into fenced_probe values (3)'))).rejects.toThrow('no longer held')
  expect(await db.query('select n from fenced_probe')).toEqual([{ n: 1 }])
  await until('it to notice', () => !only.leading.leads)
  expect(only.ended()).toBe(1)
  await db.query('drop table fenced_probe')
})

test('statements that come together are written together, and one that fails fails alone', async () => {
  const name = fresh()
  const only = replica(name, 'a')
  await one(name, only)
  const [term] = only.terms
  if (!term) throw new Error('it has no term')
  await db.query('create table if not exists together_probe (n int, during text default txid_current()::text)')
  const put = (n: string) => term.fenced.query(`insert into together_probe (n) values (${n}) returning n`)
  await Promise.all([put('1'), put('2'), put('3')])
  const [, second, third] = await db.query<{ during: string }>('select during from together_probe order by n')
  expect(second?.during).toBe(third?.during)
  const answers = await Promise.allSettled([put('4'), put('5'), put('1 / 0'), put('6')])
  expect(answers.map((answer) => (answer.status === 'fulfilled' ? answer.value : 'failed'))).toEqual([
    [{ n: 4 }],
    [{ n: 5 }],
    'failed',
    [{ n: 6 }],
  ])
  expect(await db.query('select n from together_probe order by n')).toEqual([1, 2, 3, 4, 5, 6].map((n) => ({ n })))
  await db.query('drop table together_probe')
})

test('a replica older than the schema gives up reconciling, and takes it up no more', async () => {
  const name = fresh()
  const old = replica(name, 'old')
  await one(name, old)
  await db.query(`insert into schema_migrations (version, name, digest) values (9001, 'of_a_newer_program', 'x')`)
  await until('the older one to step back', () => !old.leading.leads)
  expect(old.ended()).toBe(1)
  const late = replica(name, 'late')
  await systemClock.sleep(1500)
  expect([old.leading.leads, late.leading.leads]).toEqual([false, false])
  await db.query('delete from schema_migrations where version = 9001')
  await one(name, old, late)
})

test('one that could do nothing leaves it to another at once, and takes it again only when it could', async () => {
  const name = fresh()
  let canDo = true
  const a = replica(name, 'a', () => canDo)
  await one(name, a)
  canDo = false
  const b = replica(name, 'b')
  await one(name, b)
  expect([a.leading.leads, a.ended()]).toEqual([false, 1])
  await b.leading.close()
  await until('b to have ended', () => !b.leading.leads)
  canDo = true
  await one(name, a)
  expect(a.terms).toHaveLength(2)
})
