import type { Db } from './pool.ts'

/** The lock file that terraform wrote when a version was first made ready; every later build uses the same providers. */
export async function providerLockOf(db: Db, digest: string): Promise<string | null> {
  const [row] = await db.query<{ lock: string | null }>('select provider_lock as lock from template_files where digest = $1', [digest])
  return row?.lock ?? null
}

/** The first one counts, whoever asks: answers the lock that does. A version whose files are not kept has only this one. */
export async function keepProviderLock(db: Db, digest: string, lock: string): Promise<string> {
  const [row] = await db.query<{ lock: string }>(
    'update template_files set provider_lock = coalesce(provider_lock, $2) where digest = $1 returning provider_lock as lock',
    [digest, lock],
  )
  return row?.lock ?? lock
}

/** Those of the digests whose files are still kept, or that somebody builds with now: a destroy does without the files. */
export async function keptDigests(db: Db, digests: readonly string[]): Promise<ReadonlySet<string>> {
  const rows = await db.query<{ digest: string }>(
    `select digest from template_files where digest = any($1)
     union select digest from jobs where digest = any($1) and finished_at is null`,
    [digests],
  )
  return new Set(rows.map(({ digest }) => digest))
}
