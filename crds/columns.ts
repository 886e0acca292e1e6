import { fromIso, type Instant } from '../controller/kernel/clock.ts'
import { shortAge } from '../controller/kernel/durations.ts'
import { isJsonObject, own } from './schema/types.ts'

/** A printer column: what `get` shows of an object, here and in kubectl. */
export interface Column {
  readonly name: string
  readonly type: 'string' | 'integer' | 'number' | 'boolean' | 'date'
  readonly format?: 'name'
  readonly description: string
  /** 0: always. Higher: only in wide output. */
  readonly priority: number
  readonly jsonPath: string
  /** What a path cannot say: of Kubernetes' own kinds, whose columns are computed. */
  readonly of?: (object: unknown) => unknown
}

const NAME: Column = {
  name: 'Name',
  type: 'string',
  format: 'name',
  description:
    'Name must be unique within a namespace. Is required when creating resources, although some resources may allow a client to request the generation of an appropriate name automatically. Name is primarily intended for creation idempotence and configuration definition. Cannot be updated. More info: https://kubernetes.io/docs/concepts/overview/working-with-objects/names#names',
  priority: 0,
  jsonPath: '.metadata.name',
}

/** The columns of a table, the name among them: first, where the kind does not put it elsewhere. */
export const withName = (columns: readonly Column[]): readonly Column[] =>
  columns.some(({ format }) => format === 'name') ? columns : [NAME, ...columns]

export type Cell = string | number | boolean | null

/** What an API server puts into a table; null where there is nothing of the column's type. */
export function cellFor(column: Column, object: unknown, now: Instant): Cell {
  const value = column.of ? column.of(object) : cellOf(object, column.jsonPath)
  if (value === undefined || value === null) return null
  switch (column.type) {
    case 'string':
      return typeof value === 'object' ? JSON.stringify(value) : String(value)
    case 'date':
      return typeof value === 'string' ? ageSince(value, now) : null
    case 'integer':
      return typeof value === 'number' ? Math.trunc(value) : null
    case 'number':
      return typeof value === 'number' ? value : null
    case 'boolean':
      return typeof value === 'boolean' ? value : null
  }
}

function ageSince(text: string, now: Instant): string {
  const at = fromIso(text)
  return at === null ? '<invalid>' : shortAge(now - at)
}

const STEP = /\.([A-Za-z0-9_-]+)|\[(\d+)\]|\[\?\(@\.([A-Za-z0-9_-]+)\s*==\s*["']([^"']*)["']\)\]/y

/** The value a column shows of an object; undefined where there is none. The part of JSONPath that definitions use. */
export function cellOf(object: unknown, jsonPath: string): unknown {
  let value: unknown = object
  STEP.lastIndex = 0
  let end = 0
  for (let step = STEP.exec(jsonPath); step; step = STEP.exec(jsonPath)) {
    end = STEP.lastIndex
    const [, name, index, key = '', wanted] = step
    if (name !== undefined) value = isJsonObject(value) ? own(value, name) : undefined
    else if (!Array.isArray(value)) value = undefined
    else value = index === undefined ? value.find((item) => isJsonObject(item) && own(item, key) === wanted) : value[Number(index)]
  }
  if (end !== jsonPath.length) throw new Error(`the column path ${jsonPath} cannot be followed`)
  return value
}
