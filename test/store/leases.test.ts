import { expect, test } from 'vitest'
import { acquireLease, assertLease, releaseLease, renewLease } from '../../controller/store/leases.ts'
import { withDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'

const { db } = await withDatabase()

/** As if its time had passed: waiting for so short a one would be a race. */
const END = 'update leases set lease_until = clock_timestamp() where name = $1'

test('of many that want a lease one gets it', async () => {
  const answers = await Promise.all(Array.from({ length: 8 }, (_, i) => acquireLease(db, 'many', `h${i}`, 10_000)))
  expect(answers.filter(Boolean)).toEqual([{ epoch: 1 }])
})

test('a lease ends by the clock of the database, and its former holder is fenced by the next epoch', async () => {
  const first = await acquireLease(db, 'ends', 'a', 10_000)
  expect(first).toEqual({ epoch: 1 })
  expect(await acquireLease(db, 'ends', 'b', 10_000)).toBeNull()
  await db.query(END, ['ends'])
  const second = await until('the lease to end', () => acquireLease(db, 'ends', 'b', 10_000))
  expect(second).toEqual({ epoch: 2 })
  expect(await renewLease(db, 'ends', 1, 10_000)).toBe(false)
  await expect(assertLease(db, 'ends', 1)).rejects.toThrow('no longer held under epoch 1')
  await assertLease(db, 'ends', 2)
})

test('what is held is taken by nobody, also not under the name that holds it', async () => {
  expect(await acquireLease(db, 'namesake', 'a', 10_000)).toEqual({ epoch: 1 })
  expect(await acquireLease(db, 'namesake', 'a', 10_000)).toBeNull()
  await assertLease(db, 'namesake', 1)
})

test('a lease is renewed while it lasts, and not once it is over, even when nobody wanted it', async () => {
  await acquireLease(db, 'renewed', 'a', 10_000)
  expect(await renewLease(db, 'renewed', 1, 1)).toBe(true)
  await until('the end', async () => !(await renewLease(db, 'renewed', 1, 1)))
})

test('a lease given back is free at once, and its epoch goes on', async () => {
  await acquireLease(db, 'given', 'a', 10_000)
  await releaseLease(db, 'given', 1)
  expect(await acquireLease(db, 'given', 'b', 10_000)).toEqual({ epoch: 2 })
  await releaseLease(db, 'given', 1)
  await assertLease(db, 'given', 2)
})

test('what is written under a lease is committed before anybody else gets it', async () => {
  await acquireLease(db, 'fence', 'a', 10_000)
  await db.transaction(async (tx) => {
    await assertLease(tx, 'fence', 1)
    await tx.query(END, ['fence'])
    let taken = false
    const next = acquireLease(db, 'fence', 'b', 10_000).then((lease) => (taken = lease !== null))
    await tx.query('select pg_sleep(0.1)')
    expect(taken).toBe(false)
    // The one who waits is let go by the commit, below.
    void next
  })
  const lease = await until(
    'the next holder',
    async () => (await db.query('select holder, epoch from leases where name = $1 and epoch > 1', ['fence']))[0],
  )
  expect(lease).toEqual({ holder: 'b', epoch: 2 })
})
