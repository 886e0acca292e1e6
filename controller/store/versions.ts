import type { TemplateFile } from '../../crds/files.ts'
import type { Db } from './pool.ts'
import type { TemplateParameter, TemplatePreset, VersionFacts, VersionRow } from './records.ts'

/** Template versions, by the digest of their files. */

export interface ImportOutcome {
  readonly ok: boolean
  readonly parameters: readonly TemplateParameter[]
  readonly presets: readonly TemplatePreset[]
  readonly facts: VersionFacts | null
  readonly error: string | null
}

export interface KnownVersion {
  readonly templateUid: string
  readonly digest: string
  /** Where its files came from, for people. Left out: as it was. */
  readonly source?: string
  readonly outcome?: ImportOutcome
}

/** The digest says what the files are: a second time changes nothing, but they count as new again for retention. */
export async function keepFiles(db: Db, digest: string, files: readonly TemplateFile[]): Promise<void> {
  await db.query(
    `insert into template_files (digest, files) values ($1, $2)
     on conflict (digest) do update set kept_at = clock_timestamp()`,
    [digest, JSON.stringify(files)],
  )
}

export async function filesOf(db: Db, digest: string): Promise<readonly TemplateFile[] | null> {
  const [row] = await db.query<{ files: readonly TemplateFile[] }>('select files from template_files where digest = $1', [digest])
  return row?.files ?? null
}

/** A template in TypeScript as terraform reads it. */
export interface Synthesised {
  /** Of the files below; the version keeps the digest of what somebody wrote. */
  readonly digest: string
  readonly files: readonly TemplateFile[]
}

/** The first counts: a version is synthesised once. */
export async function keepSynthesised(db: Db, digest: string, synthesised: Synthesised): Promise<void> {
  await db.query('update template_files set synthesised = $2 where digest = $1 and synthesised is null', [
    digest,
    JSON.stringify(synthesised),
  ])
}

export async function synthesisedOf(db: Db, digest: string): Promise<Synthesised | null> {
  const [row] = await db.query<{ synthesised: Synthesised | null }>('select synthesised from template_files where digest = $1', [digest])
  return row?.synthesised ?? null
}

/** A failed import of a version that was imported before keeps what was learnt then. */
export async function upsertVersion(db: Db, { templateUid, digest, source, outcome }: KnownVersion): Promise<void> {
  await db.query(
    `insert into versions as v (template_uid, digest, source, imported_at, failed_at, error, parameters, presets, facts)
     values ($1, $2, coalesce($3, ''),
       case when $4 then clock_timestamp() end, case when not $4 then clock_timestamp() end, $5,
       coalesce($6::json, '[]'), coalesce($7::json, '[]'), $8::json)
     on conflict (template_uid, digest) do update set
       source = coalesce($3, v.source),
       imported_at = coalesce(excluded.imported_at, v.imported_at),
       failed_at = case when $4::boolean is null then v.failed_at else excluded.failed_at end,
       error = case when $4::boolean is null then v.error else excluded.error end,
       parameters = case when $4 then excluded.parameters else v.parameters end,
       presets = case when $4 then excluded.presets else v.presets end,
       facts = case when $4 then excluded.facts else v.facts end`,
    [
      templateUid,
      digest,
      source ?? null,
      outcome?.ok ?? null,
      outcome?.error ?? null,
      outcome ? JSON.stringify(outcome.parameters) : null,
      outcome ? JSON.stringify(outcome.presets) : null,
      outcome?.facts ? JSON.stringify(outcome.facts) : null,
    ],
  )
}

const COLUMNS = `digest, template_uid as "templateUid", imported_at as "importedAt", failed_at as "failedAt", error, source, parameters, presets, facts`

export async function versionOf(db: Db, templateUid: string, digest: string): Promise<VersionRow | null> {
  const [row] = await db.query<VersionRow>(`select ${COLUMNS} from versions where template_uid = $1 and digest = $2`, [templateUid, digest])
  return row ?? null
}

/** Newest first. */
export function versionsOf(db: Db, templateUid: string, limit: number): Promise<VersionRow[]> {
  return db.query<VersionRow>(`select ${COLUMNS} from versions where template_uid = $1 order by known_at desc, digest limit $2`, [
    templateUid,
    limit,
  ])
}
