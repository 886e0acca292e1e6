import { cellFor, withName, type Cell, type Column } from '../../crds/columns.ts'
import type { Kind } from '../../crds/kinds.ts'
import type { Resource } from '../cluster/port.ts'
import type { Instant } from '../kernel/clock.ts'
import { Refused } from '../kernel/errors.ts'
import { shown } from './shown.ts'

/** Objects as rows, as `kubectl get` asks for them: the printer columns of the kind, computed here. */

export type Included = 'None' | 'Metadata' | 'Object'

export function includedIn(query: URLSearchParams): Included {
  const value = query.get('includeObject') || 'Metadata'
  if (value === 'None' || value === 'Metadata' || value === 'Object') return value
  throw new Refused(
    'BadRequest',
    `includeObject: Unsupported value: ${JSON.stringify(value)}: supported values: "None", "Metadata", "Object"`,
  )
}

interface ColumnDefinition {
  readonly name: string
  readonly type: string
  readonly format: string
  readonly description: string
  readonly priority: number
}

const definitionOf = ({ name, type, format, description, priority }: Column): ColumnDefinition => ({
  name,
  type,
  format: format ?? '',
  description,
  priority,
})

export const columnDefinitions = (kind: Kind): readonly ColumnDefinition[] => withName(kind.columns).map(definitionOf)

interface Row {
  readonly cells: readonly Cell[]
  readonly object: object | null
}

export const rowOf = (kind: Kind, object: Resource, included: Included, now: Instant): Row => ({
  cells: withName(kind.columns).map((column) => cellFor(column, object, now)),
  object: included === 'None' ? null : included === 'Object' ? shown(kind, object) : metadataOf(object),
})

/** Of an object its metadata alone, as its own kind. */
export const metadataOf = ({ metadata }: Resource): object => ({
  kind: 'PartialObjectMetadata',
  apiVersion: 'meta.k8s.io/v1',
  metadata,
})

export const TABLE = { kind: 'Table', apiVersion: 'meta.k8s.io/v1' } as const
