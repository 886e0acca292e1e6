import { isJsonObject, own } from './schema/types.ts'

/** A printer column: what `get` shows of an object, here and in kubectl. */
export interface Column {
  readonly name: string
  readonly type: 'string' | 'integer' | 'number' | 'boolean' | 'date'
  readonly description: string
  /** 0: always. Higher: only in wide output. */
  readonly priority: number
  readonly jsonPath: string
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
