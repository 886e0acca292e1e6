import { invalid, ISSUES_MAX, notSupported, required, shown, tooLong, tooMany, typeInvalid, type Issue } from './causes.ts'
import { fieldBefore, itemBefore, unchanged, type Before } from './correlate.ts'
import { joined } from './decode.ts'
import { equal } from './equal.ts'
import { hasFormat, isCheckedFormat } from './formats.ts'
import { goFloat } from './go-text.ts'
import { pattern } from './regex.ts'
import { isJsonObject, own, type JsonObject, type Schema, type SchemaType } from './types.ts'

interface Place {
  /** Where the reported field begins: status alone is validated as `status`, though its messages leave that out. */
  readonly prefix: string
  readonly path: string
}

/**
 * Types, bounds, patterns, enums, required fields. What has not changed since before is not looked at: an object that was
 * stored under an older schema can still be changed elsewhere.
 */
export function structuralIssues(schema: Schema, value: unknown, before: Before | null, prefix = ''): readonly Issue[] {
  const issues: Issue[] = []
  node(schema, value, before, { prefix, path: '' }, issues)
  return issues
}

const fieldOf = ({ prefix, path }: Place): string => (path === '' ? prefix : path.startsWith('[') ? prefix + path : joined(prefix, path))

/** So many more items than a list may have are still looked at: it is refused as too long in any case. */
export const ITEMS_BEYOND = 1000

function node(schema: Schema, value: unknown, before: Before | null, place: Place, issues: Issue[]): void {
  if (issues.length >= ISSUES_MAX || unchanged(schema, before, value)) return
  const wrongType = typeProblem(schema, value)
  if (wrongType !== null) {
    issues.push(typeInvalid(fieldOf(place), wrongType.is, `${place.path} in body must be of type ${wrongType.wanted}: "${wrongType.is}"`))
  }
  if (typeof value === 'string') text(schema, value, place, issues)
  if (typeof value === 'number') number(schema, value, place, issues)
  if (Array.isArray(value)) list(schema, value, before, place, issues)
  if (schema.enum && !schema.enum.some((one) => equal(one, value))) issues.push(notSupported(fieldOf(place), value, schema.enum))
  if (isJsonObject(value)) object(schema, value, before, place, issues)
}

interface WrongType {
  readonly wanted: string
  readonly is: string
}

function typeProblem(schema: Schema, value: unknown): WrongType | null {
  const is = nameOfType(value)
  if (is === 'null' && schema.nullable) return null
  if (schema.intOrString) return is === 'integer' || is === 'string' ? null : { wanted: 'integer,string', is }
  if (schema.type === 'string' && schema.format !== null && isCheckedFormat(schema.format)) return formatProblem(schema.format, is)
  if (schema.type === null || is === schema.type || (schema.type === 'number' && is === 'integer')) return null
  return { wanted: schema.type, is }
}

/** A text with a format is asked for in the name of its format, and a list is not asked at all. */
function formatProblem(format: string, is: SchemaType | 'null'): WrongType | null {
  switch (is) {
    case 'string':
    case 'array':
      return null
    case 'null':
      return { wanted: 'string', is }
    case 'integer':
    case 'number':
      return { wanted: format, is: is === 'integer' ? 'int64' : 'float64' }
    case 'boolean':
    case 'object':
      return { wanted: format, is: '' }
  }
}

/** Beyond it a number without a fraction is no integer to the API server either. */
const INTEGERS_END = 2 ** 63

function nameOfType(value: unknown): SchemaType | 'null' {
  if (value === null || value === undefined) return 'null'
  if (Array.isArray(value)) return 'array'
  if (typeof value === 'number') return isInteger(value) ? 'integer' : 'number'
  if (typeof value === 'string' || typeof value === 'boolean') return typeof value === 'string' ? 'string' : 'boolean'
  return 'object'
}

const isInteger = (value: number): boolean => Number.isInteger(value) && Math.abs(value) < INTEGERS_END

/** The API server stops at the first of length and pattern, and reports a format as a wrong type. */
function text(schema: Schema, value: string, place: Place, issues: Issue[]): void {
  const field = fieldOf(place)
  if (schema.maxLength !== null && isLonger(value, schema.maxLength)) issues.push(tooLong(field, schema.maxLength))
  else if (schema.minLength !== null && !isLonger(value, schema.minLength - 1)) {
    issues.push(invalid(field, value, `${place.path} in body should be at least ${schema.minLength} chars long`))
  } else if (schema.pattern !== null && !pattern(schema.pattern).matches(value)) {
    issues.push(invalid(field, value, `${place.path} in body should match '${schema.pattern}'`))
  }
  if (schema.format !== null && !hasFormat(schema.format, value)) {
    issues.push(typeInvalid(field, value, `${place.path} in body must be of type ${schema.format}: ${shown(value)}`))
  }
}

/** Counts characters, of which one may be two of JavaScript's; a text that is long either way need not be counted. */
function isLonger(value: string, than: number): boolean {
  if (value.length <= than) return false
  if (value.length > 2 * than) return true
  let count = 0
  for (const _ of value) count += 1
  return count > than
}

function number(schema: Schema, value: number, place: Place, issues: Issue[]): void {
  const no = (text: string) => issues.push(invalid(fieldOf(place), value, `${place.path} in body should be ${text}`))
  const { multipleOf, minimum, maximum, exclusiveMinimum, exclusiveMaximum } = schema
  const bound = isInteger(value) ? String : goFloat
  if (multipleOf !== null && !Number.isInteger(value / multipleOf)) no(`a multiple of ${bound(multipleOf)}`)
  if (maximum !== null && (exclusiveMaximum ? value >= maximum : value > maximum)) {
    no(`less than ${exclusiveMaximum ? '' : 'or equal to '}${bound(maximum)}`)
  }
  if (minimum !== null && (exclusiveMinimum ? value <= minimum : value < minimum)) {
    no(`greater than ${exclusiveMinimum ? '' : 'or equal to '}${bound(minimum)}`)
  }
}

function list(schema: Schema, value: readonly unknown[], before: Before | null, place: Place, issues: Issue[]): void {
  const { items, minItems, maxItems } = schema
  const looked = value.slice(0, (maxItems ?? value.length) + ITEMS_BEYOND)
  for (const [index, item] of items ? looked.entries() : []) {
    if (items) node(items, item, itemBefore(schema, before, item), { ...place, path: `${place.path}[${index}]` }, issues)
    if (issues.length >= ISSUES_MAX) break
  }
  if (minItems !== null && value.length < minItems) {
    issues.push(invalid(fieldOf(place), value.length, `${place.path} in body should have at least ${minItems} items`))
  }
  if (maxItems !== null && value.length > maxItems) issues.push(tooMany(fieldOf(place), value.length, maxItems))
}

function object(schema: Schema, value: JsonObject, before: Before | null, place: Place, issues: Issue[]): void {
  const names = Object.keys(value)
  if (schema.minProperties !== null && names.length < schema.minProperties) {
    const message = `${place.path} in body should have at least ${schema.minProperties} properties`
    issues.push(invalid(fieldOf(place), names.length, message))
  }
  if (schema.maxProperties !== null && names.length > schema.maxProperties) {
    issues.push(tooMany(fieldOf(place), names.length, schema.maxProperties))
  }
  for (const name of schema.required) {
    if (!Object.hasOwn(value, name)) issues.push(required(fieldOf({ ...place, path: joined(place.path, name) })))
  }
  for (const name of names) {
    const child = schema.properties.get(name) ?? schema.additionalProperties
    if (child) node(child, own(value, name), fieldBefore(before, name), { ...place, path: joined(place.path, name) }, issues)
  }
}
