import { invalid, notSupported, required, tooLong, tooMany, typeInvalid, type Issue } from './causes.ts'
import { joined } from './decode.ts'
import { equal } from './equal.ts'
import { hasFormat } from './formats.ts'
import { itemBefore } from './lists.ts'
import { pattern } from './regex.ts'
import { isJsonObject, own, type JsonObject, type Schema, type SchemaType } from './types.ts'

/** The value a node had before, where it can be told which one that was. */
export interface Before {
  readonly value: unknown
}

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

function node(schema: Schema, value: unknown, before: Before | null, place: Place, issues: Issue[]): void {
  if (before && equal(before.value, value)) return
  if (value === null && schema.nullable) return
  const wrongType = typeProblem(schema, value)
  if (wrongType !== null) {
    issues.push(typeInvalid(fieldOf(place), wrongType.is, `${place.path} in body must be of type ${wrongType.wanted}: "${wrongType.is}"`))
  }
  if (typeof value === 'string') text(schema, value, place, issues)
  if (typeof value === 'number') number(schema, value, place, issues)
  if (schema.enum && !schema.enum.some((one) => equal(one, value))) issues.push(notSupported(fieldOf(place), value, schema.enum))
  if (Array.isArray(value) && schema.type === 'array') list(schema, value, before, place, issues)
  if (isJsonObject(value) && schema.type === 'object') object(schema, value, before, place, issues)
}

function typeProblem(schema: Schema, value: unknown): { readonly wanted: string; readonly is: string } | null {
  const is = nameOfType(value)
  if (schema.intOrString) return is === 'integer' || is === 'string' ? null : { wanted: 'integer,string', is }
  if (schema.type === null || is === schema.type || (schema.type === 'number' && is === 'integer')) return null
  return { wanted: schema.type, is }
}

function nameOfType(value: unknown): SchemaType | 'null' {
  if (value === null || value === undefined) return 'null'
  if (Array.isArray(value)) return 'array'
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number'
  if (typeof value === 'string' || typeof value === 'boolean') return typeof value === 'string' ? 'string' : 'boolean'
  return 'object'
}

/** The API server stops at the first of length and pattern, and reports a format as a wrong type. */
function text(schema: Schema, value: string, place: Place, issues: Issue[]): void {
  const field = fieldOf(place)
  const length = codePoints(value)
  if (schema.maxLength !== null && length > schema.maxLength) issues.push(tooLong(field, schema.maxLength))
  else if (schema.minLength !== null && length < schema.minLength) {
    issues.push(invalid(field, value, `${place.path} in body should be at least ${schema.minLength} chars long`))
  } else if (schema.pattern !== null && !pattern(schema.pattern).matches(value)) {
    issues.push(invalid(field, value, `${place.path} in body should match '${schema.pattern}'`))
  }
  if (schema.format !== null && !hasFormat(schema.format, value)) {
    issues.push(typeInvalid(field, value, `${place.path} in body must be of type ${schema.format}: ${JSON.stringify(value)}`))
  }
}

function codePoints(value: string): number {
  let count = 0
  for (const _ of value) count += 1
  return count
}

function number(schema: Schema, value: number, place: Place, issues: Issue[]): void {
  const no = (text: string) => issues.push(invalid(fieldOf(place), value, `${place.path} in body should be ${text}`))
  const { multipleOf, minimum, maximum, exclusiveMinimum, exclusiveMaximum } = schema
  if (multipleOf !== null && !Number.isInteger(value / multipleOf)) no(`a multiple of ${multipleOf}`)
  if (maximum !== null && (exclusiveMaximum ? value >= maximum : value > maximum)) {
    no(`less than ${exclusiveMaximum ? '' : 'or equal to '}${maximum}`)
  }
  if (minimum !== null && (exclusiveMinimum ? value <= minimum : value < minimum)) {
    no(`greater than ${exclusiveMinimum ? '' : 'or equal to '}${minimum}`)
  }
}

function list(schema: Schema, value: readonly unknown[], before: Before | null, place: Place, issues: Issue[]): void {
  if (schema.minItems !== null && value.length < schema.minItems) {
    issues.push(invalid(fieldOf(place), value.length, `${place.path} in body should have at least ${schema.minItems} items`))
  }
  if (schema.maxItems !== null && value.length > schema.maxItems) {
    issues.push(tooMany(fieldOf(place), value.length, schema.maxItems))
    // Beyond the bound nobody needs every item's own problem, and there may be millions of them.
    return
  }
  const { items } = schema
  if (!items) return
  for (const [index, item] of value.entries()) {
    const old = before ? itemBefore(schema, before.value, item) : null
    node(items, item, old, { ...place, path: `${place.path}[${index}]` }, issues)
  }
}

function object(schema: Schema, value: JsonObject, before: Before | null, place: Place, issues: Issue[]): void {
  const names = Object.keys(value)
  if (schema.minProperties !== null && names.length < schema.minProperties) {
    const message = `${place.path} in body should have at least ${schema.minProperties} properties`
    issues.push(invalid(fieldOf(place), names.length, message))
  }
  if (schema.maxProperties !== null && names.length > schema.maxProperties) {
    issues.push(tooMany(fieldOf(place), names.length, schema.maxProperties))
    return
  }
  for (const name of schema.required) {
    if (!Object.hasOwn(value, name)) issues.push(required(fieldOf({ ...place, path: joined(place.path, name) })))
  }
  for (const name of names) {
    const child = schema.properties.get(name) ?? schema.additionalProperties
    if (child) node(child, own(value, name), fieldBefore(before, name), { ...place, path: joined(place.path, name) }, issues)
  }
}

export function fieldBefore(before: Before | null, name: string): Before | null {
  return before && isJsonObject(before.value) && Object.hasOwn(before.value, name) ? { value: own(before.value, name) } : null
}
