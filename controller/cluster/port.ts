import type { DraftMeta, ObjectMeta } from '../../crds/meta.ts'
import type { Key } from '../kernel/names.ts'

/**
 * The world of declared objects, whoever keeps them. Two implementations with one behaviour: Postgres without a cluster,
 * the Kubernetes API with one. Refusals are `Refused` from the kernel, in the words of the Kubernetes API.
 */

/** An object as it is stored: decoded, defaulted, with everything the server sets. Frozen; never change one in place. */
export interface Resource {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: ObjectMeta
  readonly spec?: unknown
  readonly status?: unknown
  /** Of kinds that have no spec. The values of a Secret are there for whoever gets it by its name, and nowhere else. */
  readonly data?: unknown
  readonly binaryData?: unknown
  readonly immutable?: unknown
  readonly type?: unknown
}

/** An object as somebody wrote it. */
export interface Draft {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: DraftMeta
  readonly spec?: unknown
  readonly status?: unknown
}

/** Who writes. `declarer` is set for sources that declare objects (a folder, a repository): see `declared.ts`. */
export interface Writer {
  /** Stable name of the field manager: `bothy-controller`, `bothy-folder`, `kubectl-client-side-apply` … */
  readonly manager: string
  /** Who is behind it, for audit and messages. */
  readonly user: string
  readonly declarer?: string
}

export interface WriteOptions {
  readonly dryRun?: boolean
  /** What to do with fields the schema does not know. Default Warn. */
  readonly fieldValidation?: 'Strict' | 'Warn' | 'Ignore'
  /** Paths of fields that were given twice: they are warned of or refused as unknown ones are. */
  readonly duplicates?: readonly string[]
  /** Collects warnings (unknown fields, ratcheted rules). */
  readonly warn?: (message: string) => void
}

export interface ListOptions {
  readonly namespace?: string
  readonly labelSelector?: string
  readonly fieldSelector?: string
  readonly limit?: number
  readonly continue?: string
  /** As it was at this version, which is a number; absent: as it is. `Refused('Expired')` when that cannot be known any more. */
  readonly at?: string
}

export interface Page {
  readonly items: readonly Resource[]
  readonly resourceVersion: string
  readonly continue?: string
  readonly remaining?: number
}

export type Change =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly object: Resource }
  | { readonly type: 'BOOKMARK'; readonly kind: string; readonly resourceVersion: string; readonly endsInitialEvents?: true }

export interface WatchOptions extends ListOptions {
  /** Everything after this version. Absent: the present state as ADDED, then everything after. `Refused('Expired')` when too old. */
  readonly from?: string
  readonly bookmarks?: boolean
  /** true: the present state first, whatever `from` is, and then a bookmark that says it is over. false: never the present state. */
  readonly initialEvents?: boolean
}

export interface ObjectRef {
  readonly kind: string
  readonly namespace: string
  readonly name: string
  readonly uid?: string
}

/** Something that happened, with the new value. Repeats of the same one become a series, not new events. */
export interface Happening {
  readonly regarding: ObjectRef
  readonly type: 'Normal' | 'Warning'
  readonly reason: string
  readonly action: string
  readonly note: string
}

export interface Preconditions {
  readonly uid?: string
  readonly resourceVersion?: string
}

/** What becomes of the objects it owns: they go after it, they go before it, they stay. */
export type Propagation = 'Background' | 'Foreground' | 'Orphan'

export interface DeleteOptions extends Preconditions {
  readonly dryRun?: boolean
  /** Left out: what its finalizers say, and after it where they say nothing. */
  readonly propagation?: Propagation
}

export interface Cluster {
  get(kind: string, namespace: string, name: string): Promise<Resource | null>
  list(kind: string, options?: ListOptions): Promise<Page>
  create(draft: Draft, writer: Writer, options?: WriteOptions): Promise<Resource>
  /** Whole object; `metadata.resourceVersion` must be given and must match. */
  replace(draft: Draft, writer: Writer, options?: WriteOptions): Promise<Resource>
  /**
   * Declares: creates, or makes the spec that of the draft. Labels and annotations that this writer gave earlier and leaves out
   * now are gone, those that others put stay; finalizers and owners are added to. A no-op changes nothing.
   */
  apply(draft: Draft, writer: Writer, options?: WriteOptions): Promise<Resource>
  /** Of everything but status: a JSON merge patch (RFC 7386); without a cluster, where it is ours to serve, also a list: a JSON patch (RFC 6902). */
  patch(kind: string, namespace: string, name: string, patch: unknown, writer: Writer, options?: WriteOptions): Promise<Resource>
  /** The same of status alone; spec and metadata in the patch are ignored, `metadata.resourceVersion` is a precondition. */
  patchStatus(kind: string, namespace: string, name: string, patch: unknown, writer: Writer, options?: WriteOptions): Promise<Resource>
  /** Answers the object as it is after: with a deletionTimestamp while finalizers hold it. */
  delete(kind: string, namespace: string, name: string, writer: Writer, options?: DeleteOptions): Promise<Resource>
  /** One kind, in order of versions, until `signal` aborts. */
  watch(kind: string, options: WatchOptions, signal: AbortSignal): AsyncIterable<Change>
  emit(happening: Happening): Promise<void>
}

/** The key under which an index has an object; null: none. It depends on what is declared, and on nothing that our own writes change. */
export type IndexKey = (object: Resource) => string | null

/** Of each kind, by the names of its indexes. */
export type Indexes = Readonly<Record<string, Readonly<Record<string, IndexKey>>>>

/** The objects of some kinds, kept up to date by list and watch. Reads cost nothing; changes are told by key. */
export interface Cache {
  /** Resolves when everything has been listed once. */
  start(signal: AbortSignal): Promise<void>
  get(kind: string, namespace: string, name: string): Resource | undefined
  list(kind: string, namespace?: string): readonly Resource[]
  /** Those that the index finds under the key, in no order: what a search through all would find, without the search. */
  by(kind: string, index: string, key: string): readonly Resource[]
  /** Why not everything has been listed yet, in a sentence; null: everything has. */
  unread(): string | null
  /** Every change, those included that a list shows after a watch was lost. Told after the cache shows it. */
  onChange(listener: (key: Key, object: Resource, type: 'ADDED' | 'MODIFIED' | 'DELETED') => void): void
}
