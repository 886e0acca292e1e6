import { createBatches, type Batches } from '../kernel/batches.ts'
import { Transient } from '../kernel/errors.ts'
import type { Db } from './pool.ts'

export interface AuditEntry {
  /** Who: a user, or a part of Bothy. */
  readonly actor: string
  /** What they did: `exec`, `down`, `delete` … */
  readonly action: string
  /** The key of what they did it to. */
  readonly subject: string
  /** From where: an address, or `cli`. */
  readonly origin: string
  readonly detail: Readonly<Record<string, string | number | boolean | null>>
}

const NOTED_AT_ONCE_MAX = 100

const NOTE = {
  name: 'note-audit',
  text: `insert into audit (actor, action, subject, origin, detail)
    select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::json[])`,
}

/** Each is kept before it is answered; those that come while others are being kept share one statement. */
const notes = new WeakMap<Db, Batches<AuditEntry, null>>()

export async function audit(db: Db, entry: AuditEntry): Promise<void> {
  const known = notes.get(db)
  const noting =
    known ??
    createBatches({ most: NOTED_AT_ONCE_MAX, work: (entries) => note(db, entries), isUnsure: (error) => error instanceof Transient })
  if (!known) notes.set(db, noting)
  await noting.ask(entry)
}

async function note(db: Db, entries: readonly AuditEntry[]): Promise<null[]> {
  const all = <T>(of: (entry: AuditEntry) => T): T[] => entries.map(of)
  await db.query(NOTE, [
    all(({ actor }) => actor),
    all(({ action }) => action),
    all(({ subject }) => subject),
    all(({ origin }) => origin),
    all(({ detail }) => JSON.stringify(detail)),
  ])
  return all(() => null)
}
