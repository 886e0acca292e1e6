import type { Instant } from '../../kernel/clock.ts'
import type { Reason } from '../../kernel/reasons.ts'
import type { TemplateFile } from '../../../crds/files.ts'
import type { StoredCondition } from '../../status/conditions.ts'
import type { Job, ProvisionerRow, VersionRow } from '../../store/records.ts'

/** Everything a template's rules may look at. */
export interface Seen {
  readonly template: {
    readonly namespace: string
    readonly name: string
    readonly uid: string
    readonly deleting: boolean
    readonly hasFinalizer: boolean
    readonly sourceError: string | null
    readonly pinned: string | null
    readonly labels: Readonly<Record<string, string>>
    readonly variables: Readonly<Record<string, string>>
    readonly variablesProblem: string | null
    /** Some of them are elsewhere, where they change by themselves. */
    readonly variablesElsewhere: boolean
    /** Its spec changed, or somebody asked for a look: what failed is tried once more. */
    readonly lookAsked: boolean
    readonly before: { readonly activeDigest: string | null; readonly conditions: readonly StoredCondition[] }
  }
  readonly source: Source
  /** Imported or known, newest first; the wanted and the active one are among them. */
  readonly versions: readonly VersionRow[]
  /** The newest import of the version that is wanted. */
  readonly newestImport: Job | null
  readonly provisioners: readonly ProvisionerRow[]
  readonly controllerStartedAt: Instant
  readonly workspaces: {
    readonly total: number
    readonly running: number
    readonly outdated: number
    /** Some of them, for people. */
    readonly names: readonly string[]
  }
}

/** The files as they are today. */
export type Source =
  | {
      readonly usable: true
      readonly digest: string
      /** For people: `folder ./node`. */
      readonly origin: string
      /** Where they are only in the object itself; null where its declarer has stored them. */
      readonly files: readonly TemplateFile[] | null
    }
  | { readonly usable: false; readonly reason: Reason; readonly message: string }

export const FINALIZER = 'bothy.dev/in-use'
