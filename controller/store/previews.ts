import type { Db } from './pool.ts'

/** Previews are asked and answered within seconds; nobody looks at one twice. */

export async function previewsInFlight(db: Db, templateUid: string): Promise<number> {
  const [row] = await db.query<{ count: number }>(
    `select count(*)::int as count from jobs where subject_uid = $1 and kind = 'preview' and finished_at is null`,
    [templateUid],
  )
  return row?.count ?? 0
}

export async function forgetPreview(db: Db, jobId: string): Promise<void> {
  await db.query(`delete from jobs where id = $1 and kind = 'preview' and finished_at is not null`, [jobId])
}
