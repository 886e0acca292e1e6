import { isJsonObject, own, put, type JsonObject, type Schema } from './types.ts'

/**
 * What a server makes of an object before it looks whether it is valid, on write and on read: fields the schema does not know
 * go, nulls go where null is no value, defaults come, level by level. The same document decodes to the same object always.
 */
export interface Decoded {
  readonly value: unknown
  /** Paths of fields that were dropped because the schema does not know them. */
  readonly unknown: readonly string[]
}

/** Deeper than any schema of ours; what is deeper sits under a field that keeps what it does not know. */
const DEPTH_MAX = 64

export function decode(schema: Schema, value: unknown, path = ''): Decoded {
  const unknown: string[] = []
  return { value: decodeNode(schema, value, path, unknown, 0), unknown }
}

function decodeNode(schema: Schema, value: unknown, path: string, unknown: string[], depth: number): unknown {
  if (depth > DEPTH_MAX) throw new RangeError(`${path} is nested too deeply`)
  if (Array.isArray(value)) {
    const { items } = schema
    // A null in a list stays, to be refused: dropping it would move the items after it.
    return items ? value.map((item, index) => decodeNode(items, item, `${path}[${index}]`, unknown, depth + 1)) : copied(value, depth)
  }
  if (!isJsonObject(value)) return value
  if (schema.additionalProperties) return decodeMap(schema.additionalProperties, value, path, unknown, depth)
  return schema.type === 'object' || schema.properties.size > 0 ? decodeFields(schema, value, path, unknown, depth) : copied(value, depth)
}

function decodeMap(values: Schema, value: JsonObject, path: string, unknown: string[], depth: number): JsonObject {
  const made: Record<string, unknown> = {}
  for (const name of Object.keys(value)) {
    const item = own(value, name)
    if (item === null && !values.nullable) continue
    put(made, name, decodeNode(values, item, joined(path, name), unknown, depth + 1))
  }
  return made
}

function decodeFields(schema: Schema, value: JsonObject, path: string, unknown: string[], depth: number): JsonObject {
  const made: Record<string, unknown> = {}
  for (const name of Object.keys(value)) {
    const child = schema.properties.get(name)
    const field = own(value, name)
    if (!child) {
      if (schema.preserveUnknownFields) put(made, name, copied(field, depth))
      else unknown.push(joined(path, name))
    } else if (field !== null || child.nullable) {
      put(made, name, decodeNode(child, field, joined(path, name), unknown, depth + 1))
    }
  }
  for (const [name, child] of schema.properties) {
    if (child.default === null || Object.hasOwn(made, name)) continue
    put(made, name, decodeNode(child, child.default.value, joined(path, name), unknown, depth + 1))
  }
  return made
}

/** Values that no schema describes are copied all the same, so that a stored object shares nothing with its draft. */
function copied(value: unknown, depth: number): unknown {
  if (depth > DEPTH_MAX) throw new RangeError('a value is nested too deeply')
  if (Array.isArray(value)) return value.map((item) => copied(item, depth + 1))
  if (!isJsonObject(value)) return value
  const made: Record<string, unknown> = {}
  for (const name of Object.keys(value)) put(made, name, copied(own(value, name), depth + 1))
  return made
}

export const joined = (path: string, name: string): string => (path ? `${path}.${name}` : name)
