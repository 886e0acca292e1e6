import { isJsonObject } from '../../../crds/schema/types.ts'
import type { Fields } from './make.ts'

/** Values of a schema: one that is good, and whatever is wrong in one place. */

export type Schema = Fields

export interface Tried {
  /** The place, and what is there. */
  readonly does: string
  /** The whole document, wrong in that place. */
  readonly value: unknown
}

const HEX = 'a'.repeat(64)

/** A text that a pattern takes, and one that it does not. A new pattern needs an entry. */
const TEXTS: Readonly<Record<string, readonly [good: string, bad: string]>> = {
  '^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$': ['dev', 'De v'],
  '^([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?|[*])$': ['team', '**'],
  '^[^\\s]+$': ['ada', 'a b'],
  '^sha256:[0-9a-f]{64}$': [`sha256:${HEX}`, 'sha256:a'],
  '^[0-9a-f]{12}$': ['0123456789ab', 'xyz'],
  '^[A-Z][A-Za-z]*$': ['Ready', 'ready'],
  '^[A-Za-z][A-Za-z0-9_+/-]*$': ['Europe/Berlin', '1 x'],
  '^[A-Za-z_][A-Za-z0-9_-]*$': ['name', '1x'],
  '^BOTHY_VAR_[A-Z0-9_]+$': ['BOTHY_VAR_X', 'HOME'],
  '^[^\\s~^:?*]+$': ['main', 'a~b'],
  '^([01][0-9]|2[0-3]):[0-5][0-9]$': ['03:30', '24:00'],
  '^([0-9]{1,5}h)?([0-9]{1,6}m)?([0-9]{1,7}s)?$': ['1h', '1 hour'],
  '^([0-9]{1,4}d|([0-9]{1,5}h)?([0-9]{1,6}m)?([0-9]{1,7}s)?)$': ['2h', '1 day'],
}

/** Where rules beyond the pattern say what is good. */
const SPECIAL: Readonly<Record<string, unknown>> = { autostart: '0 9 * * 1-5', path: 'node', file: 'key', minute: '0' }

const at = (schema: unknown, name: string): unknown => (isJsonObject(schema) ? schema[name] : undefined)
const numberAt = (schema: Schema, name: string): number | undefined => {
  const value = schema[name]
  return typeof value === 'number' ? value : undefined
}
const schemaAt = (schema: Schema, name: string): Schema | null => {
  const value = schema[name]
  return isJsonObject(value) ? value : null
}
const requiredOf = (schema: Schema): readonly string[] => (Array.isArray(schema['required']) ? schema['required'].map(String) : [])
const propertiesOf = (schema: Schema): readonly (readonly [string, Schema])[] =>
  Object.entries(schemaAt(schema, 'properties') ?? {}).flatMap(([name, child]) => (isJsonObject(child) ? [[name, child] as const] : []))

/** The least that is good. */
export function goodFor(schema: Schema, name = ''): unknown {
  const options = schema['enum']
  if (Array.isArray(options)) return options[0]
  switch (schema['type']) {
    case 'string':
      return goodText(schema, name)
    case 'integer':
      return Math.max(1, numberAt(schema, 'minimum') ?? 1)
    case 'boolean':
      return true
    case 'array':
      return []
    case 'object': {
      const child = schemaAt(schema, 'additionalProperties')
      if (child) return numberAt(schema, 'minProperties') ? { key: goodFor(child) } : {}
      const required = propertiesOf(schema).filter(([each]) => requiredOf(schema).includes(each))
      return Object.fromEntries(required.map(([each, field]) => [each, goodFor(field, each)]))
    }
    default:
      return 'anything'
  }
}

function goodText(schema: Schema, name: string): unknown {
  if (schema['format'] === 'date-time') return '2020-01-01T00:00:00Z'
  const { pattern } = schema
  if (typeof pattern !== 'string') return SPECIAL[name] ?? 'text'
  const known = TEXTS[pattern]
  if (!known) throw new Error(`give a text that ${pattern} takes, and one that it does not`)
  return known[0]
}

/** The value, and everything below it, in every way that its schema has something to say about. */
export function tried(schema: Schema, path: string, whole: unknown): readonly Tried[] {
  const name = path.split('.').at(-1) ?? ''
  const values = [...wrongTypes(schema), ...bounds(schema), ['good', goodFor(schema, name)] as const]
  return [...values.map(([what, value]) => ({ does: `${path}: ${what}`, value })), ...below(schema, path, whole ?? goodFor(schema, name))]
}

function wrongTypes(schema: Schema): readonly (readonly [string, unknown])[] {
  const all: readonly (readonly [string, string, unknown])[] = [
    ['string', 'a text', 'text'],
    ['integer', 'a number', 7],
    ['number', 'a fraction', 1.5],
    ['boolean', 'a truth', true],
    ['array', 'a list', []],
    ['object', 'an object', {}],
    ['null', 'null', null],
  ]
  return all.filter(([type]) => type !== schema['type']).map(([, what, value]) => [what, value])
}

function bounds(schema: Schema): readonly (readonly [string, unknown])[] {
  const [longest, shortest] = [numberAt(schema, 'maxLength'), numberAt(schema, 'minLength')]
  const [most, least] = [numberAt(schema, 'maximum'), numberAt(schema, 'minimum')]
  const { pattern } = schema
  return [
    ...(schema['enum']
      ? ([
          ['none of those', 'Nonsense'],
          ['empty', ''],
        ] as const)
      : []),
    ...(longest === undefined ? [] : ([['too long', 'x'.repeat(longest + 1)]] as const)),
    ...(longest === undefined || pattern || schema['enum'] || schema['format']
      ? []
      : ([['as long as may be', 'é'.repeat(longest)]] as const)),
    ...(shortest ? ([['too short', 'x'.repeat(shortest - 1)]] as const) : []),
    ...(typeof pattern === 'string' ? ([['of another shape', TEXTS[pattern]?.[1]]] as const) : []),
    ...(schema['format'] === 'date-time'
      ? ([
          ['no time', 'yesterday'],
          ['a day', '2020-01-01'],
          ['a time with a zone', '2020-01-01T00:00:00+01:00'],
          ['a time in a fraction', '2020-01-01T00:00:00.123456789Z'],
          ['no such day', '2020-02-30T00:00:00Z'],
        ] as const)
      : []),
    ...(most === undefined
      ? []
      : ([
          ['too much', most + (most >= Number.MAX_SAFE_INTEGER ? 4096 : 1)],
          ['as much as may be', most],
        ] as const)),
    ...(least === undefined
      ? []
      : ([
          ['too little', least - 1],
          ['as little as may be', least],
        ] as const)),
  ]
}

function below(schema: Schema, path: string, whole: unknown): readonly Tried[] {
  if (schema['type'] === 'object') return [...fieldsBelow(schema, path, whole), ...entriesBelow(schema, path)]
  return schema['type'] === 'array' ? itemsBelow(schema, path) : []
}

function fieldsBelow(schema: Schema, path: string, whole: unknown): readonly Tried[] {
  const base = isJsonObject(whole) ? whole : {}
  const inside = (name: string, value: unknown): Fields => ({ ...base, [name]: value })
  return [
    ...requiredOf(schema).map((name) => ({
      does: `${path}: without ${name}`,
      value: Object.fromEntries(Object.entries(base).filter(([each]) => each !== name)),
    })),
    ...propertiesOf(schema).flatMap(([name, child]) =>
      tried(child, `${path}.${name}`, at(base, name)).map(({ does, value }) => ({ does, value: inside(name, value) })),
    ),
  ]
}

function entriesBelow(schema: Schema, path: string): readonly Tried[] {
  const child = schemaAt(schema, 'additionalProperties')
  if (!child) return []
  const most = numberAt(schema, 'maxProperties')
  const many =
    most === undefined
      ? []
      : [{ does: `${path}: too many`, value: Object.fromEntries(Array.from({ length: most + 1 }, (_, i) => [`k${i}`, goodFor(child)])) }]
  const few = numberAt(schema, 'minProperties') ? [{ does: `${path}: too few`, value: {} }] : []
  return [...many, ...few, ...tried(child, `${path}.key`, undefined).map(({ does, value }) => ({ does, value: { key: value } }))]
}

function itemsBelow(schema: Schema, path: string): readonly Tried[] {
  const child = schemaAt(schema, 'items')
  if (!child) return []
  const most = numberAt(schema, 'maxItems')
  const good = goodFor(child)
  const many = most === undefined ? [] : [{ does: `${path}: too many`, value: Array.from({ length: most + 1 }, () => good) }]
  const twice = [{ does: `${path}: twice the same`, value: [good, good] }]
  return [...many, ...twice, ...tried(child, `${path}[]`, undefined).map(({ does, value }) => ({ does, value: [value] }))]
}
