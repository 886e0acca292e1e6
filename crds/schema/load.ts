import { isKnownFormat } from './formats.ts'
import { isJsonObject, own, type JsonObject, type ListType, type Rule, type RuleReason, type Schema, type SchemaType } from './types.ts'

/**
 * Reads an OpenAPI schema. A keyword we do not know is an error: ignoring it would accept here what a cluster refuses.
 */
const KEYWORDS = new Set([
  'type',
  'description',
  'nullable',
  'default',
  'enum',
  'format',
  'pattern',
  'minLength',
  'maxLength',
  'minimum',
  'maximum',
  'exclusiveMinimum',
  'exclusiveMaximum',
  'multipleOf',
  'minItems',
  'maxItems',
  'minProperties',
  'maxProperties',
  'required',
  'properties',
  'items',
  'additionalProperties',
  'anyOf',
  'x-kubernetes-preserve-unknown-fields',
  'x-kubernetes-int-or-string',
  'x-kubernetes-list-type',
  'x-kubernetes-list-map-keys',
  'x-kubernetes-map-type',
  'x-kubernetes-validations',
])
const RULE_KEYWORDS = new Set(['rule', 'message', 'messageExpression', 'reason', 'fieldPath', 'optionalOldSelf'])
const TYPES: readonly SchemaType[] = ['object', 'array', 'string', 'integer', 'number', 'boolean']
const LIST_TYPES: readonly ListType[] = ['atomic', 'set', 'map']
const REASONS: readonly RuleReason[] = ['FieldValueInvalid', 'FieldValueForbidden', 'FieldValueRequired', 'FieldValueDuplicate']

export function loadSchema(raw: unknown, at = 'schema'): Schema {
  if (!isJsonObject(raw)) throw new Error(`${at}: a schema must be an object`)
  const unknown = Object.keys(raw).find((name) => !KEYWORDS.has(name))
  if (unknown) throw new Error(`${at}: the keyword ${unknown} is not one we can validate`)
  const number = (name: string) => maybe(own(raw, name), 'number', `${at}.${name}`)
  const text = (name: string) => maybe(own(raw, name), 'string', `${at}.${name}`)
  const flag = (name: string) => maybe(own(raw, name), 'boolean', `${at}.${name}`) ?? false
  const properties = own(raw, 'properties')
  const items = own(raw, 'items')
  const values = own(raw, 'additionalProperties')
  return {
    type: oneOf(TYPES, own(raw, 'type'), `${at}.type`),
    description: text('description') ?? '',
    nullable: flag('nullable'),
    default: Object.hasOwn(raw, 'default') ? { value: raw['default'] } : null,
    enum: listOf(own(raw, 'enum'), at),
    format: formatOf(text('format'), at),
    pattern: text('pattern'),
    minLength: number('minLength'),
    maxLength: number('maxLength'),
    minimum: number('minimum'),
    maximum: number('maximum'),
    exclusiveMinimum: flag('exclusiveMinimum'),
    exclusiveMaximum: flag('exclusiveMaximum'),
    multipleOf: number('multipleOf'),
    minItems: number('minItems'),
    maxItems: number('maxItems'),
    minProperties: number('minProperties'),
    maxProperties: number('maxProperties'),
    required: names(own(raw, 'required'), at),
    properties: new Map(
      isJsonObject(properties) ? Object.entries(properties).map(([name, child]) => [name, loadSchema(child, `${at}.${name}`)]) : [],
    ),
    items: items === undefined ? null : loadSchema(items, `${at}[]`),
    additionalProperties: isJsonObject(values) ? loadSchema(values, `${at}{}`) : null,
    preserveUnknownFields: flag('x-kubernetes-preserve-unknown-fields'),
    intOrString: flag('x-kubernetes-int-or-string'),
    listType: oneOf(LIST_TYPES, own(raw, 'x-kubernetes-list-type'), at) ?? 'atomic',
    listMapKeys: names(own(raw, 'x-kubernetes-list-map-keys'), at),
    rules: (listOf(own(raw, 'x-kubernetes-validations'), at) ?? []).map((rule) => loadRule(rule, at)),
  }
}

function loadRule(raw: unknown, at: string): Rule {
  if (!isJsonObject(raw)) throw new Error(`${at}: a rule must be an object`)
  const unknown = Object.keys(raw).find((name) => !RULE_KEYWORDS.has(name))
  if (unknown) throw new Error(`${at}: the rule keyword ${unknown} is not one we know`)
  const text = (name: string) => maybe(own(raw, name), 'string', `${at}.${name}`)
  const rule = text('rule')
  if (rule === null) throw new Error(`${at}: a rule needs a rule`)
  return {
    rule,
    message: text('message'),
    messageExpression: text('messageExpression'),
    reason: oneOf(REASONS, own(raw, 'reason'), at) ?? 'FieldValueInvalid',
    fieldPath: text('fieldPath'),
    optionalOldSelf: own(raw, 'optionalOldSelf') === true,
  }
}

function formatOf(format: string | null, at: string): string | null {
  if (format !== null && !isKnownFormat(format)) throw new Error(`${at}: the format ${format} is not one we can validate`)
  return format
}

interface TypeOf {
  string: string
  number: number
  boolean: boolean
}

function maybe<T extends keyof TypeOf>(value: unknown, type: T, at: string): TypeOf[T] | null {
  if (value === undefined) return null
  if (!is(value, type)) throw new Error(`${at} must be a ${type}`)
  return value
}

const is = <T extends keyof TypeOf>(value: unknown, type: T): value is TypeOf[T] => typeof value === type

function oneOf<T extends string>(all: readonly T[], value: unknown, at: string): T | null {
  if (value === undefined) return null
  const found = all.find((one) => one === value)
  if (found === undefined) throw new Error(`${at}: ${String(value)} is none of ${all.join(', ')}`)
  return found
}

function listOf(value: unknown, at: string): readonly unknown[] | null {
  if (value === undefined) return null
  if (!Array.isArray(value)) throw new Error(`${at}: must be a list`)
  return value
}

const names = (value: unknown, at: string): readonly string[] => (listOf(value, at) ?? []).map(String)

export const field = (raw: unknown, ...path: readonly string[]): unknown =>
  path.reduce<unknown>((value, name) => (isJsonObject(value) ? own(value, name) : undefined), raw)

export const objectsOf = (value: unknown): readonly JsonObject[] => (Array.isArray(value) ? value.filter(isJsonObject) : [])
