import type { VersionRow } from '../../store/records.ts'
import type { Seen } from './seen.ts'

/** The version that spec asks for; null where there is nothing to ask for. */
export const wantedDigest = ({ template, source }: Seen): string | null => template.pinned ?? (source.usable ? source.digest : null)

export const isImported = (row: VersionRow | undefined): row is VersionRow => row !== undefined && row.importedAt !== null

/** What workspaces are built with: the wanted version once it is imported, until then the last good one. */
export function activeVersion(seen: Seen): VersionRow | null {
  const of = (digest: string | null) => seen.versions.find((row) => row.digest === digest && row.importedAt !== null)
  return of(wantedDigest(seen)) ?? of(seen.template.before.activeDigest) ?? newestImported(seen.versions)
}

const newestImported = (versions: readonly VersionRow[]): VersionRow | null =>
  versions.filter(isImported).toSorted((a, b) => (b.importedAt ?? 0) - (a.importedAt ?? 0))[0] ?? null

export const shortDigest = (digest: string): string => digest.replace('sha256:', '').slice(0, 12)
