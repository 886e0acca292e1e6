/** A structural schema, as `openAPIV3Schema` of a CustomResourceDefinition has it, after `load.ts` has read it. */

export type SchemaType = 'object' | 'array' | 'string' | 'integer' | 'number' | 'boolean'

export type ListType = 'atomic' | 'set' | 'map'

export type RuleReason = 'FieldValueInvalid' | 'FieldValueForbidden' | 'FieldValueRequired' | 'FieldValueDuplicate'

export interface Rule {
  readonly rule: string
  readonly message: string | null
  readonly messageExpression: string | null
  readonly reason: RuleReason
  /** Relative to where the rule stands: `.spec.owner`. */
  readonly fieldPath: string | null
  readonly optionalOldSelf: boolean
}

export interface Schema {
  /** null: anything (`x-kubernetes-preserve-unknown-fields`) or an int-or-string. */
  readonly type: SchemaType | null
  readonly description: string
  readonly nullable: boolean
  readonly default: { readonly value: unknown } | null
  readonly enum: readonly unknown[] | null
  readonly format: string | null
  readonly pattern: string | null
  readonly minLength: number | null
  readonly maxLength: number | null
  readonly minimum: number | null
  readonly maximum: number | null
  readonly exclusiveMinimum: boolean
  readonly exclusiveMaximum: boolean
  readonly multipleOf: number | null
  readonly minItems: number | null
  readonly maxItems: number | null
  readonly minProperties: number | null
  readonly maxProperties: number | null
  readonly required: readonly string[]
  /** A Map, so that no name in it can be mistaken for something every JavaScript object has. */
  readonly properties: ReadonlyMap<string, Schema>
  readonly items: Schema | null
  readonly additionalProperties: Schema | null
  readonly preserveUnknownFields: boolean
  readonly intOrString: boolean
  readonly listType: ListType
  readonly listMapKeys: readonly string[]
  readonly rules: readonly Rule[]
}

export type JsonObject = Readonly<Record<string, unknown>>

export const isJsonObject = (value: unknown): value is JsonObject => typeof value === 'object' && value !== null && !Array.isArray(value)

/** A field of an object, never something inherited such as `constructor`. */
export const own = (object: JsonObject, name: string): unknown => (Object.hasOwn(object, name) ? object[name] : undefined)

/** Sets a field so that a name like `__proto__` is a field as any other. */
export function put(object: Record<string, unknown>, name: string, value: unknown): void {
  if (name === '__proto__') Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true })
  else object[name] = value
}
