import type { Kind } from '../../crds/kinds.ts'
import type { ListOptions, Resource } from './port.ts'
import { fieldSelector, labelSelector } from './selectors.ts'
import { fieldNames, namespaceOf, selectableOf, type Selectable } from './stored.ts'

export interface Selection {
  readonly seen: (selectable: Selectable) => boolean
  /** In the namespace that was asked for, and selected. */
  readonly has: (object: Resource) => boolean
  readonly namespace: string | null
  /** Set when the selection can hold one name only. */
  readonly name: string | null
  readonly selects: boolean
}

export function selectionOf(kind: Kind, { namespace, labelSelector: labels, fieldSelector: fields }: ListOptions): Selection {
  const labelsMatch = labelSelector(labels)
  const fieldsMatch = fieldSelector(fields, fieldNames(kind))
  const seen = (selectable: Selectable) => labelsMatch(selectable.labels) && fieldsMatch(selectable.fields)
  return {
    seen,
    has: (object) => (!namespace || namespaceOf(object) === namespace) && seen(selectableOf(kind, object)),
    namespace: namespace || null,
    name: /(?:^|,)metadata\.name==?(?<name>[^,\\=!]+)(?:,|$)/.exec(fields ?? '')?.groups?.['name'] ?? null,
    selects: Boolean(labels?.trim() || fields?.trim()),
  }
}
