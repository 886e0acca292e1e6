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

export async function audit(db: Db, { actor, action, subject, origin, detail }: AuditEntry): Promise<void> {
  await db.query('insert into audit (actor, action, subject, origin, detail) values ($1, $2, $3, $4, $5)', [
    actor,
    action,
    subject,
    origin,
    JSON.stringify(detail),
  ])
}
