import { KINDS } from '../../crds/kinds.ts'
import type { Cluster, Resource } from '../cluster/port.ts'
import { keyOf, type Key } from '../kernel/names.ts'

/** What a folder has declared before, read back from the objects themselves: the folder keeps no memory of its own. */

export const ANNOTATION = {
  declaredBy: 'bothy.dev/declared-by',
  sourceDigest: 'bothy.dev/source-digest',
  sourceError: 'bothy.dev/source-error',
} as const

/** Events happen, and a request is asked once: declared again after every answer, it would never end. */
const NOT_DECLARABLE: ReadonlySet<string> = new Set(['Event', 'WorkspaceRequest'])

export const DECLARABLE_KINDS: readonly string[] = KINDS.map(({ kind }) => kind).filter((kind) => !NOT_DECLARABLE.has(kind))

export interface DeclaredBy {
  readonly source: string
  readonly path: string
  readonly line: number
  readonly revision: string
}

export interface Stored {
  readonly key: Key
  readonly object: Resource
  readonly declaredBy: DeclaredBy
  readonly sourceDigest: string | null
  readonly sourceError: string | null
}

/** Always written with its fields in one order, so that two of them can be compared as text. */
export const writtenDeclaredBy = ({ source, path, line, revision }: DeclaredBy): string => JSON.stringify({ source, path, line, revision })

export function readDeclaredBy(text: string | undefined): DeclaredBy | null {
  if (text === undefined) return null
  try {
    const value: unknown = JSON.parse(text)
    if (!isObject(value)) return null
    const { source, path, line, revision } = { source: null, path: null, line: 1, revision: '', ...value }
    return typeof source === 'string' && typeof path === 'string' && typeof line === 'number' && typeof revision === 'string'
      ? { source, path, line, revision }
      : null
  } catch {
    return null
  }
}

export function storedOf(object: Resource): Stored | null {
  const annotations = object.metadata.annotations ?? {}
  const declaredBy = readDeclaredBy(annotations[ANNOTATION.declaredBy])
  return declaredBy === null
    ? null
    : {
        key: keyOf(object.kind, object.metadata.namespace ?? '', object.metadata.name),
        object,
        declaredBy,
        sourceDigest: annotations[ANNOTATION.sourceDigest] ?? null,
        sourceError: annotations[ANNOTATION.sourceError] ?? null,
      }
}

const PAGE = 500

/** Everything that any source has declared. */
export async function readStored(cluster: Cluster): Promise<readonly Stored[]> {
  const kinds = await Promise.all(DECLARABLE_KINDS.map((kind) => readKind(cluster, kind)))
  return kinds.flat()
}

async function readKind(cluster: Cluster, kind: string): Promise<readonly Stored[]> {
  const found: Stored[] = []
  let next: string | undefined
  do {
    const page = await cluster.list(kind, { limit: PAGE, ...(next === undefined ? {} : { continue: next }) })
    found.push(...page.items.flatMap((item) => storedOf(item) ?? []))
    next = page.continue
  } while (next !== undefined)
  return found
}

export const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
