import type { Template, Workspace } from '../crds/types.ts'
import type { Cache, Resource } from './cluster/port.ts'
import { splitKey, type Key } from './kernel/names.ts'

/** What somebody who started a control plane in a terminal reads: one line a change, and a table when it has settled. */
export interface Follower {
  /** From now on every change of a template's or workspace's state is a line. */
  begin(): void
  table(): string[]
  /** Everything is as declared, or only a person can help. */
  settled(): boolean
  /** Everything is as declared. */
  ready(): boolean
}

interface Told {
  readonly word: string
  readonly message: string
}

type Followed = Template | Workspace

export function createFollower(cache: Cache, say: (line: string) => void): Follower {
  const told = new Map<Key, string>()
  let begun = false

  cache.onChange((key, object, type) => {
    if (!isFollowed(object)) return
    const { word, message } = type === 'DELETED' ? { word: 'Gone', message: '' } : wordOf(object)
    const line = `${word}${message ? `: ${message}` : ''}`
    if (told.get(key) === line) return
    if (type === 'DELETED') told.delete(key)
    else told.set(key, line)
    if (begun && word) say(`${shortName(key)}  ${line}`)
  })

  const followed = (): Followed[] => [...cache.list('Template'), ...cache.list('Workspace')].filter(isFollowed)

  return {
    begin() {
      begun = true
    },
    table: () => columns([['NAMESPACE', 'WORKSPACE', 'STATE', 'TEMPLATE', 'OWNER'], ...workspacesOf(cache).map(rowOf)]),
    settled: () => followed().every((object) => isTrue(object, 'Ready') || isTrue(object, 'Stalled')),
    ready: () => followed().every((object) => isTrue(object, 'Ready')),
  }
}

// The cluster keeps objects decoded by the definitions that these types were generated from.
const isFollowed = (object: Resource | Followed): object is Followed => object.kind === 'Template' || object.kind === 'Workspace'

const isWorkspace = (object: Resource | Workspace): object is Workspace => object.kind === 'Workspace'

export const workspacesOf = (cache: Cache): Workspace[] => cache.list('Workspace').filter(isWorkspace)

const conditionOf = (object: Followed, type: string) => object.status?.conditions?.find((condition) => condition.type === type)

function isTrue(object: Followed, type: string): boolean {
  return object.status?.observedGeneration === object.metadata.generation && conditionOf(object, type)?.status === 'True'
}

/** The state, and why where it is not as wanted. */
function wordOf(object: Followed): Told {
  const ready = conditionOf(object, 'Ready')
  const declared = conditionOf(object, 'Declared')
  const word = isWorkspace(object) ? (object.status?.state ?? '') : (ready?.reason ?? '')
  const waits = conditionOf(object, 'AwaitingApproval')
  if (waits?.status === 'True') return { word: waits.reason, message: waits.message }
  if (declared?.status === 'False') return { word, message: declared.message }
  return { word, message: ready?.status === 'True' || conditionOf(object, 'Stalled')?.status !== 'True' ? '' : (ready?.message ?? '') }
}

function shortName(key: Key): string {
  const { kind, namespace, name } = splitKey(key)
  return `${kind.toLowerCase()}/${name}${namespace === 'default' ? '' : ` (${namespace})`}`
}

const rowOf = ({ metadata, spec, status }: Workspace): string[] => [
  metadata.namespace ?? '',
  metadata.name,
  status?.state ?? 'Pending',
  spec.template.name,
  status?.owner ?? spec.owner ?? '',
]

function columns(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)))
  return rows.map((row) =>
    row
      .map((cell, i) => cell.padEnd((widths[i] ?? 0) + 2))
      .join('')
      .trimEnd(),
  )
}
