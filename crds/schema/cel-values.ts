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

/** What passes for a date-time is not always one: the schema takes a `t` and any offset, a rule does not. Nothing is the epoch. */
function instantOf(value: string): Date | Fault {
  if (value === '') return new Date(0)
  const why = problemOf(value)
  if (why !== null) return new Fault(`Invalid date-time formatted string ${value}: parsing time ${timeQuoted(value)}${why}`)
  const [fraction = ''] = FRACTION.exec(value) ?? []
  const zone = value.slice(DAY_AND_TIME.length + fraction.length) || 'Z'
  return new Date(`${value.slice(0, DAY_AND_TIME.length)}${fraction.slice(0, 4).replace(',', '.')}${zone}`)
}

/**
 * Go's layout of an instant without a zone, a part after another, with the numbers from which on each is one, and none any more. The server
 * tries layouts with a zone before it, and tells what was wrong with the last. The day is judged with its month, after everything.
 */
const DAY_AND_TIME = '2006-01-02T15:04:05'
const PARTS: readonly (readonly [layout: string, name: string, from: number, end: number])[] = [
  ['2006', 'year', 0, 10000],
  ['-', '', 0, 0],
  ['01', 'month', 1, 13],
  ['-', '', 0, 0],
  ['02', 'day', 0, 100],
  ['T', '', 0, 0],
  ['15', 'hour', 0, 24],
  [':', '', 0, 0],
  ['04', 'minute', 0, 60],
  [':', '', 0, 0],
  ['05', 'second', 0, 60],
]
const FRACTION = /(?<=^.{19})[.,]\d+/
const ZONE = /^(Z|[-+]([01]\d|2[0-4]):[0-5]\d)?$/

function problemOf(value: string): string | null {
  let rest = value
  for (const [layout, name, from, end] of PARTS) {
    const given = rest.slice(0, layout.length)
    if (name === '' ? given !== layout : !/^\d+$/.test(given) || given.length < layout.length) {
      return ` as ${timeQuoted(DAY_AND_TIME)}: cannot parse ${timeQuoted(rest)} as ${timeQuoted(layout)}`
    }
    if (name !== '' && (Number(given) < from || Number(given) >= end)) return `: ${name} out of range`
    rest = rest.slice(layout.length)
  }
  const zone = rest.replace(/^[.,]\d+/, '')
  const day = new Date(`${value.slice(0, 10)}T00:00:00Z`)
  const isDay = !Number.isNaN(day.getTime()) && day.toISOString().startsWith(value.slice(0, 10))
  if (isDay && ZONE.test(zone)) return null
  return zone === '' ? ': day out of range' : `: extra text: ${timeQuoted(zone)}`
}

/** Where Go reads times it quotes in a way of its own: every byte that is not plain ASCII is escaped. */
const timeQuoted = (text: string): string =>
  `"${text.replaceAll(/["\\]|[^ -~]+/g, (part) => (/^["\\]/.test(part) ? `\\${part}` : Buffer.from(part).toString('hex').replaceAll(/../g, '\\x$&')))}"`

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

/**
 * The engine looks into a Map by `get` and through it by its entries: both fail where a fault is. By `has` it looks whether
 * another Map has what one of them has: a fault is equal to nothing.
 */
function failOnReading(map: Map<string, CelValue>, faults: ReadonlyMap<string, Fault>): void {
  const get = (key: string): CelValue | undefined => {
    const fault = faults.get(key)
    return fault ? raise(fault) : Map.prototype.get.call(map, key)
  }
  const entries = function* (): Generator<[string, CelValue | undefined]> {
    for (const key of map.keys()) yield [key, get(key)]
  }
  const has = (key: string): boolean => !faults.has(key) && Map.prototype.has.call(map, key)
  Object.assign(map, { get, has, entries, [Symbol.iterator]: entries })
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
