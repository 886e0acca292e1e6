import { isObject, isUnknown, UNKNOWN, type ObjectValue, type Value } from '../wire/values.ts'
import type { Attribute, AttributeType, Block, Entry, Nested, Path } from './model.ts'

/**
 * The object that a configuration makes: defaults put in, what is computed carried over from before, unknown where it is
 * only known later. Every attribute and block is in it, as terraform asks.
 */
export function filledIn({ block, prefixes }: Entry, config: ObjectValue, before: ObjectValue | null): ObjectValue {
  return {
    ...Object.fromEntries(Object.entries(block.attributes).map(([name, each]) => [name, attributeValue(each, name, config, before)])),
    ...blocksOf(block, config, prefixes === 'both' ? emptyOf : () => null),
  }
}

/** What an attribute within a nested block is when it is left out and has no default. */
type Otherwise = (type: AttributeType) => Value

/**
 * The reference is made with a kit that knows no null inside of blocks: text is empty there, a number 0. Templates compare
 * with that (`option.icon != ""`), so types that it has too say the same.
 */
const emptyOf: Otherwise = (type) => (type === 'string' ? '' : type === 'number' ? 0 : type === 'bool' ? false : null)

const blocksOf = (block: Block, config: ObjectValue, otherwise: Otherwise): ObjectValue =>
  Object.fromEntries(Object.entries(block.blocks ?? {}).map(([name, each]) => [name, nestedValue(each, config[name] ?? null, otherwise)]))

function attributeValue(attribute: Attribute, name: string, config: ObjectValue, before: ObjectValue | null): Value {
  if (attribute.derive) return attribute.derive(config)
  const configured = attribute.mode === 'computed' ? null : (config[name] ?? null)
  if (configured !== null) return configured
  if (attribute.mode === 'required' || attribute.mode === 'optional') return attribute.default ?? null
  return before ? (before[name] ?? null) : UNKNOWN
}

function nestedValue(nested: Nested, configured: Value, otherwise: Otherwise): Value {
  if (isUnknown(configured)) return configured
  if (!Array.isArray(configured) || configured.length === 0) return nested.default ?? []
  return configured.map((item: Value) => (isObject(item) ? itemOf(nested.block, item, otherwise) : item))
}

const itemOf = (block: Block, config: ObjectValue, otherwise: Otherwise): ObjectValue => ({
  ...Object.fromEntries(
    Object.entries(block.attributes).map(([name, each]) => [name, attributeValue(each, name, config, null) ?? otherwise(each.type)]),
  ),
  ...blocksOf(block, config, otherwise),
})

/** The attributes and blocks whose change makes another resource. */
export function replacedBy(block: Block, before: ObjectValue, after: ObjectValue): readonly Path[] {
  const replacing = [...Object.entries(block.attributes), ...Object.entries(block.blocks ?? {})].filter(([, each]) => each.replaces)
  return replacing.filter(([name, each]) => !same(shapeOf(each), before[name] ?? null, after[name] ?? null)).map(([name]) => [name])
}

type Shape = 'set' | 'plain'
const shapeOf = (each: Attribute | Nested): Shape =>
  ('nesting' in each ? each.nesting : Array.isArray(each.type) ? each.type[0] : 'plain') === 'set' ? 'set' : 'plain'

/** Whether both say the same; the order of a set's elements says nothing. Something unknown is like nothing else. */
export function same(shape: Shape, a: Value, b: Value): boolean {
  const left = canonical(a)
  const right = canonical(b)
  if (shape === 'plain' || !Array.isArray(a) || !Array.isArray(b)) return left === right
  return canonical(a.map(canonical).sort()) === canonical(b.map(canonical).sort())
}

function canonical(value: Value): string {
  return JSON.stringify(value, (_, each: Value) =>
    isObject(each) ? Object.fromEntries(Object.entries(each).sort(([a], [b]) => (a < b ? -1 : 1))) : each,
  )
}

/** A state that an older program wrote, in today's shape: what is no longer there goes, what is new is empty. */
export function reshaped(block: Block, stored: ObjectValue): ObjectValue {
  return {
    ...Object.fromEntries(Object.entries(block.attributes).map(([name, each]) => [name, fitting(each.type, stored[name] ?? null)])),
    ...Object.fromEntries(
      Object.entries(block.blocks ?? {}).map(([name, nested]) => {
        const items = stored[name] ?? []
        return [name, Array.isArray(items) ? items.filter(isObject).map((item) => reshaped(nested.block, item)) : []]
      }),
    ),
  }
}

const isCollection = (type: AttributeType): type is readonly ['list' | 'set' | 'map', AttributeType] =>
  Array.isArray(type) && type[0] !== 'object'

function fitting(type: AttributeType, value: Value): Value {
  if (typeof type === 'string') return typeof value === (type === 'bool' ? 'boolean' : type) ? value : null
  if (isCollection(type)) {
    if (type[0] === 'map')
      return isObject(value) ? Object.fromEntries(Object.entries(value).map(([name, each]) => [name, fitting(type[1], each)])) : null
    return Array.isArray(value) ? value.map((item: Value) => fitting(type[1], item)) : null
  }
  return isObject(value)
    ? Object.fromEntries(Object.entries(type[1]).map(([name, each]) => [name, fitting(each, value[name] ?? null)]))
    : null
}
