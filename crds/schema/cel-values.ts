import { goQuoted } from './go-text.ts'
import { isJsonObject, own, type JsonObject, type Schema } from './types.ts'

/** What rules compute with: BigInt for integers, Map for objects, Date for instants. */
export type CelValue = string | number | bigint | boolean | null | Date | readonly CelValue[] | ReadonlyMap<string, CelValue>

/** What a rule comes upon that has no answer: it fails there, and only if what it asks needs it. */
export class Fault extends Error {}

/**
 * A value as rules see it, by its schema: what the schema does not describe, rules do not see. A value of a wrong type, as an
 * older schema let it be stored, is a fault of whoever looks at it.
 */
export function celValue(schema: Schema, value: unknown): CelValue | Fault {
  if (value === null || value === undefined)
    return schema.nullable ? null : new Fault('invalid data, got null for schema with nullable=false')
  if (schema.intOrString)
    return typeof value === 'string' ? value : intOrFault(value, 'expected XIntOrString value to be either a string or integer')
  switch (schema.type) {
    case 'object':
      return isJsonObject(value) ? celObject(schema, value) : wrongly('a map for the provided schema with type=object')
    case 'array':
      return Array.isArray(value) ? celList(schema, value) : wrongly('an array for the provided schema with type=array')
    case 'string':
      return typeof value === 'string' ? celText(schema, value) : wrongly(`string, got ${goType(value)}`)
    case 'number':
      return typeof value === 'number' ? value : wrongly(`float, got ${goType(value)}`)
    case 'integer':
      return intOrFault(value, `expected int, got ${goType(value)}`)
    case 'boolean':
      return typeof value === 'boolean' ? value : wrongly(`bool, got ${goType(value)}`)
    case null:
      return new Fault('what the schema does not describe cannot be asked about')
  }
}

const wrongly = (wanted: string): Fault => new Fault(`invalid data, expected ${wanted}`)

const intOrFault = (value: unknown, otherwise: string): bigint | Fault =>
  Number.isInteger(value) ? BigInt(Number(value)) : new Fault(`invalid data, ${otherwise}`)

function goType(value: unknown): string {
  if (Array.isArray(value)) return '[]interface {}'
  if (typeof value === 'number') return Number.isInteger(value) ? 'int64' : 'float64'
  return typeof value === 'boolean' ? 'bool' : typeof value === 'string' ? 'string' : 'map[string]interface {}'
}

function celText(schema: Schema, value: string): CelValue | Fault {
  return schema.format === 'date-time' ? instantOf(value) : value
}

const DAY_AND_TIME = /^\d{4}-\d{2}-\d{2}T([01]\d|2[0-3]):[0-5]\d:[0-5]\d([.,]\d+)?/
const ZONE = /^(Z|[-+]([01]\d|2[0-4]):[0-5]\d)?$/

/** What passes for a date-time is not always one: the schema takes a `t` and any offset, a rule does not. */
function instantOf(value: string): Date | Fault {
  const [read = ''] = DAY_AND_TIME.exec(value) ?? []
  const rest = value.slice(read.length)
  const instant = new Date(`${read.slice(0, 19)}${read.slice(19, 23).replace(',', '.')}${rest || 'Z'}`)
  if (read !== '' && ZONE.test(rest) && !Number.isNaN(instant.getTime())) return instant
  const why =
    read === '' ? ` as "2006-01-02T15:04:05": cannot parse ${goQuoted(value.slice(10))} as "T"` : `: extra text: ${goQuoted(rest)}`
  return new Fault(`Invalid date-time formatted string ${value}: parsing time ${goQuoted(value)}${why}`)
}

function celList(schema: Schema, value: readonly unknown[]): CelValue | Fault {
  const { items } = schema
  if (!items) return new Fault('invalid array type, expected Items with a non-empty Schema')
  const made: CelValue[] = []
  for (const [index, item] of value.entries()) {
    const one = celValue(items, item)
    if (one instanceof Fault) {
      // The place is taken, and fails whoever reads it.
      Object.defineProperty(made, index, { get: () => raise(one), enumerable: true, configurable: true })
    } else made[index] = one
  }
  return made
}

function celObject(schema: Schema, value: JsonObject): ReadonlyMap<string, CelValue> {
  const made = new Map<string, CelValue>()
  const faults = new Map<string, Fault>()
  const values = schema.additionalProperties
  for (const name of Object.keys(value)) {
    const child = schema.properties.get(name) ?? values
    if (!child) continue
    const key = schema.properties.has(name) ? escaped(name) : name
    const one = celValue(child, own(value, name))
    if (one instanceof Fault) faults.set(key, one)
    made.set(key, one instanceof Fault ? null : one)
  }
  if (faults.size > 0) failOnReading(made, faults)
  return made
}

/** The engine looks into a Map by `get` and through it by its entries: both fail where a fault is. */
function failOnReading(map: Map<string, CelValue>, faults: ReadonlyMap<string, Fault>): void {
  const get = (key: string): CelValue | undefined => {
    const fault = faults.get(key)
    return fault ? raise(fault) : Map.prototype.get.call(map, key)
  }
  const entries = function* (): Generator<[string, CelValue | undefined]> {
    for (const key of map.keys()) yield [key, get(key)]
  }
  Object.assign(map, { get, entries, [Symbol.iterator]: entries })
}

function raise(fault: Fault): never {
  throw fault
}

const KEYWORDS = new Set(
  'true false null in as break const continue else for function if import let loop package namespace return var void while'.split(' '),
)
const WORDS: Readonly<Record<string, string>> = { __: '__underscores__', '.': '__dot__', '-': '__dash__', '/': '__slash__' }

/** Kubernetes' way to write field names that CEL could not read: `for` becomes `__for__`. */
export const escaped = (name: string): string =>
  KEYWORDS.has(name) ? `__${name}__` : name.replaceAll(/__|[./-]/g, (part) => WORDS[part] ?? part)
