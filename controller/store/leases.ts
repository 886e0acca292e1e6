import { Transient } from '../kernel/errors.ts'
import type { Db } from './pool.ts'

/** Who may do a thing that only one may do. Time is the database's; the epoch fences whoever held it before. */

/** Told with the name of a lease that was given back. */
export const LEASES_CHANNEL = 'bothy_leases'

/** null: it is held. Also by this very name: two processes that were given one name must not take it from each other in turn. */
export async function acquireLease(db: Db, name: string, holder: string, ms: number): Promise<{ readonly epoch: number } | null> {
  const [lease] = await db.query<{ epoch: number }>(
    `insert into leases as held (name, holder, epoch, lease_until)
     values ($1, $2, 1, clock_timestamp() + $3 * interval '1 ms')
     on conflict (name) do update
       set holder = excluded.holder, epoch = held.epoch + 1, lease_until = excluded.lease_until
       where held.lease_until <= clock_timestamp()
     returning epoch`,
    [name, holder, ms],
  )
  return lease ?? null
}

/** false: it is over or somebody else's, and stays so. */
export async function renewLease(db: Db, name: string, epoch: number, ms: number): Promise<boolean> {
  const renewed = await db.query(
    `update leases set lease_until = clock_timestamp() + $3 * interval '1 ms'
     where name = $1 and epoch = $2 and lease_until > clock_timestamp() returning 1`,
    [name, epoch, ms],
  )
  return renewed.length > 0
}

/** The next one need not wait. */
export async function releaseLease(db: Db, name: string, epoch: number): Promise<void> {
  await db.query(
    `with released as (update leases set lease_until = clock_timestamp() where name = $1 and epoch = $2 returning name)
     select pg_notify($3, name) from released`,
    [name, epoch, LEASES_CHANNEL],
  )
}

/** First in a transaction that only the holder may commit: nobody else can take the lease before it ends. */
export async function assertLease(db: Db, name: string, epoch: number): Promise<void> {
  const held = await db.query('select 1 from leases where name = $1 and epoch = $2 and lease_until > clock_timestamp() for share', [
    name,
    epoch,
  ])
  if (held.length === 0) throw new Transient(`the lease ${name} is no longer held under epoch ${epoch}: nothing was written`)
}
