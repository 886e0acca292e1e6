import { Environment, EvaluationError, Optional, type ParseResult } from '@marcbachmann/cel-js'
import { CEL_FUNCTIONS } from './cel-functions.ts'
import { isJsonObject, own, type JsonObject, type Schema } from './types.ts'

/** The one door to the CEL engine: `compile(rule)` gives a function of `self` and `oldSelf`, so that it can be replaced. */

export type Answer = { readonly value: unknown } | { readonly error: string }

export interface Variables {
  readonly self: CelValue
  /** Absent: there was nothing before. */
  readonly oldSelf?: CelValue
}

export interface Compiled {
  readonly usesOldSelf: boolean
  /** With `optionalOldSelf`, the rule sees an optional in place of `oldSelf`, so that it can be asked without one. */
  evaluate(variables: Variables, options?: { readonly optionalOldSelf: boolean }): Answer
}

/** What rules compute with: BigInt for integers, Map for objects, Date for instants. */
export type CelValue = string | number | bigint | boolean | null | Date | readonly CelValue[] | ReadonlyMap<string, CelValue>

const LIMITS = { maxAstNodes: 2000, maxDepth: 64, maxListElements: 100, maxMapEntries: 100, maxCallArguments: 16 }

const empty = (): Environment => {
  const environment = new Environment({ unlistedVariablesAreDyn: false, enableOptionalTypes: true, limits: LIMITS })
  for (const { signature, call } of CEL_FUNCTIONS) environment.registerFunction(signature, call)
  return environment
}

let shared: Environment | undefined

export function compile(rule: string): Compiled {
  shared ??= empty().registerVariable('self', 'dyn').registerVariable('oldSelf', 'dyn')
  const parsed: ParseResult = shared.parse(rewritten(rule))
  return {
    usesOldSelf: withoutStrings(rule).some((part) => /\boldSelf\b/.test(part)),
    evaluate({ self, oldSelf }, options) {
      const before = options?.optionalOldSelf ? { oldSelf: oldSelf === undefined ? Optional.none() : Optional.of(oldSelf) } : { oldSelf }
      try {
        const value: unknown = parsed({ self, ...before })
        return { value }
      } catch (error) {
        // The engine's message draws the place in the rule over several lines; a cause has one.
        return { error: error instanceof EvaluationError ? error.summary : String(error) }
      }
    },
  }
}

/** null, or why the rule cannot be asked of what this schema describes: a misspelt field, a wrong operator, no bool. */
export function typeProblem(rule: string, schema: Schema, wanted: 'bool' | 'string' = 'bool'): string | null {
  const environment = empty()
  const type = typeNameOf(schema, environment, { count: 0 })
  environment.registerVariable('self', type).registerVariable('oldSelf', type)
  // The engine takes any name under has(), so what stands there is asked for on its own.
  const named = [...rule.matchAll(/\bhas\(([^()]*)\)/g)].map(([, path]) => environment.check(path ?? '')).find(({ valid }) => !valid)
  if (named) return named.error?.summary ?? 'cannot be read'
  const checked = environment.check(rewritten(rule))
  if (!checked.valid) return checked.error?.summary ?? 'cannot be read'
  return checked.type === wanted ? null : `must be ${wanted}, is ${String(checked.type)}`
}

function typeNameOf(schema: Schema, environment: Environment, names: { count: number }): string {
  switch (schema.type) {
    case 'string':
      return schema.format === 'date-time' ? 'google.protobuf.Timestamp' : 'string'
    case 'integer':
      return 'int'
    case 'number':
      return 'double'
    case 'boolean':
      return 'bool'
    case 'array':
      return schema.items ? `list<${typeNameOf(schema.items, environment, names)}>` : 'list'
    case 'object':
      if (schema.additionalProperties) return `map<string, ${typeNameOf(schema.additionalProperties, environment, names)}>`
      return objectTypeName(schema, environment, names)
    case null:
      return 'dyn'
  }
}

function objectTypeName(schema: Schema, environment: Environment, names: { count: number }): string {
  const fields = Object.fromEntries([...schema.properties].map(([name, child]) => [escaped(name), typeNameOf(child, environment, names)]))
  names.count += 1
  const name = `Object${names.count}`
  environment.registerType(name, { fields }).registerOperator(`${name} == ${name}`, () => true)
  return name
}

/** A value as rules see it, by its schema: what the schema does not describe, rules do not see. */
export function celValue(schema: Schema, value: unknown): CelValue {
  if (value === null || value === undefined) return null
  if (typeof value === 'string') return schema.format === 'date-time' && schema.type === 'string' ? new Date(value) : value
  if (typeof value === 'boolean') return value
  if (typeof value === 'number') return schema.type === 'number' || !Number.isInteger(value) ? value : BigInt(value)
  if (Array.isArray(value)) return schema.items ? value.map((item) => celValue(schema.items ?? schema, item)) : []
  return isJsonObject(value) ? celObject(schema, value) : null
}

function celObject(schema: Schema, value: JsonObject): ReadonlyMap<string, CelValue> {
  const made = new Map<string, CelValue>()
  const values = schema.additionalProperties
  for (const name of Object.keys(value)) {
    const child = schema.properties.get(name)
    if (values) made.set(name, celValue(values, own(value, name)))
    else if (child) made.set(escaped(name), celValue(child, own(value, name)))
  }
  return made
}

const KEYWORDS = new Set(
  'true false null in as break const continue else for function if import let loop package namespace return var void while'.split(' '),
)
const WORDS: Readonly<Record<string, string>> = { __: '__underscores__', '.': '__dot__', '-': '__dash__', '/': '__slash__' }

/** Kubernetes' way to write field names that CEL could not read: `for` becomes `__for__`. */
const escaped = (name: string): string => (KEYWORDS.has(name) ? `__${name}__` : name.replaceAll(/__|[./-]/g, (part) => WORDS[part] ?? part))

const STRING = /("(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')/

const withoutStrings = (rule: string): readonly string[] => rule.split(STRING).filter((_, index) => index % 2 === 0)

function rewritten(rule: string): string {
  const parts = rule.split(STRING)
  return parts.map((part, index) => (index % 2 === 0 ? CEL_FUNCTIONS.reduce(renamed, part) : part)).join('')
}

const renamed = (text: string, { name, as }: { readonly name: string; readonly as: string }): string =>
  text.replaceAll(new RegExp(`\\.${name}\\s*\\(`, 'g'), `.${as}(`)
