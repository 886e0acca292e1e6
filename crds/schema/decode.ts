import { isJsonObject, own, put, type JsonObject, type Schema } from './types.ts'

/**
 * What a server makes of an object before it looks whether it is valid, on write and on read: fields the schema does not know
 * go, nulls go where null is no value, defaults come, level by level. The same document decodes to the same object always.
 */
export interface Decoded {
  readonly value: unknown
  /** Paths of fields that were dropped because the schema does not know them, in order. */
  readonly unknown: readonly string[]
}

/** Nobody reads more, and each is written with the whole way to it. */
const UNKNOWN_MAX = 1000

/** Deeper than any schema of ours; what is deeper sits under a field that keeps what it does not know. */
const DEPTH_MAX = 64

export function decode(schema: Schema, value: unknown, path = ''): Decoded {
  const unknown: string[] = []
  const decoded = decodeNode(schema, value, path, unknown, 0)
  return { value: decoded, unknown: unknown.toSorted() }
}

/** Without a schema nothing inside is known: a list of a text keeps its items, and each field in them goes. */
function decodeNode(schema: Schema | null, value: unknown, path: string, unknown: string[], depth: number): unknown {
  if (depth > DEPTH_MAX) throw new RangeError(`${path} is nested too deeply`)
  if (typeof value === 'string') return value.toWellFormed()
  if (Array.isArray(value)) {
    if (schema?.preserveUnknownFields && !schema.items) return copied(value, depth)
    const items = schema?.items ?? null
    // A null in a list stays, to be refused: dropping it would move the items after it.
    return value.map((item, index) => decodeNode(items, item, `${path}[${index}]`, unknown, depth + 1))
  }
  return isJsonObject(value) ? decodeFields(schema, value, path, unknown, depth) : value
}

function decodeFields(schema: Schema | null, value: JsonObject, path: string, unknown: string[], depth: number): JsonObject {
  const made: Record<string, unknown> = {}
  for (const name of Object.keys(value)) {
    const child = schema?.properties.get(name) ?? schema?.additionalProperties ?? null
    const field = own(value, name)
    if (!child && schema?.preserveUnknownFields) put(made, name.toWellFormed(), copied(field, depth))
    else if (!child) tell(unknown, joined(path, name))
    else if (field !== null || child.nullable)
      put(made, name.toWellFormed(), decodeNode(child, field, joined(path, name), unknown, depth + 1))
    else if (child.default) put(made, name.toWellFormed(), decodeNode(child, child.default.value, joined(path, name), unknown, depth + 1))
  }
  for (const [name, child] of schema?.properties ?? []) {
    if (child.default === null || Object.hasOwn(made, name)) continue
    put(made, name, decodeNode(child, child.default.value, joined(path, name), unknown, depth + 1))
  }
  return made
}

function tell(unknown: string[], path: string): void {
  if (unknown.length < UNKNOWN_MAX) unknown.push(path)
}

/** Values that no schema describes are copied all the same, so that a stored object shares nothing with its draft. */
function copied(value: unknown, depth: number): unknown {
  if (depth > DEPTH_MAX) throw new RangeError('a value is nested too deeply')
  if (typeof value === 'string') return value.toWellFormed()
  if (Array.isArray(value)) return value.map((item) => copied(item, depth + 1))
  if (!isJsonObject(value)) return value
  const made: Record<string, unknown> = {}
  for (const name of Object.keys(value)) put(made, name.toWellFormed(), copied(own(value, name), depth + 1))
  return made
}

/** A way is told once for everything that lies behind it: a name of megabytes would be told as often. */
export const shortened = (name: string): string => (name.length > NAME_SHOWN_MAX ? `${name.slice(0, NAME_SHOWN_MAX)}…` : name)

const NAME_SHOWN_MAX = 1024

export const joined = (path: string, name: string): string => (path ? `${path}.${shortened(name)}` : shortened(name))
