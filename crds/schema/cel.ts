import { Environment, evaluate, EvaluationError, Optional, type ParseResult } from '@marcbachmann/cel-js'
import { celFunctions } from './cel-functions.ts'
import { isSameQuantity, Quantity } from './cel-quantities.ts'
import { escaped, Fault, type CelValue } from './cel-values.ts'
import { OutOfBudget } from './cel-budget.ts'
import { isJsonObject, type Schema } from './types.ts'

/** The one door to the CEL engine: `compile(rule)` gives a function of `self` and `oldSelf`, so that it can be replaced. */

export type Answer = { readonly value: unknown } | { readonly error: string }

export interface Variables {
  readonly self: CelValue | Fault
  /** Absent: there was nothing before. */
  readonly oldSelf?: CelValue | Fault
}

export interface Compiled {
  readonly usesOldSelf: boolean
  /** Steps to ask it of a value of so many parts, at most. */
  costOf(parts: number): number
  /** With `optionalOldSelf`, the rule sees an optional in place of `oldSelf`, so that it can be asked without one. */
  evaluate(variables: Variables, options?: { readonly optionalOldSelf: boolean }): Answer
}

const LIMITS = { maxAstNodes: 2000, maxDepth: 64, maxListElements: 100, maxMapEntries: 100, maxCallArguments: 16 }

const SECOND = 1_000_000_000n

/** The engine makes spans of time and does not name their class. */
const Duration: new (seconds: bigint, nanoseconds: number) => object = evaluate("duration('0s')").constructor

const FUNCTIONS = celFunctions({
  duration: (nanoseconds) => new Duration(nanoseconds / SECOND, Number(nanoseconds % SECOND)),
})

/** `string.matches` is registered as `string.k8s_matches`: the engine has one of that name that cannot be replaced. */
const MARK = 'k8s_'
const marked = (name: string): string => name.replace(/[^.]+$/, (last) => MARK + last)
const OURS = new Set(FUNCTIONS.map(({ name }) => name.replace(/^.*\./, '')))

/** The word before `sets.contains(…)`. */
class Sets {
  readonly word = 'sets'
}

const empty = (): Environment => {
  const environment = new Environment({ unlistedVariablesAreDyn: false, enableOptionalTypes: true, limits: LIMITS })
  environment.registerType('Quantity', Quantity).registerOperator('Quantity == Quantity', isSameQuantity)
  environment.registerType('sets', Sets).registerConstant('sets', 'sets', new Sets())
  for (const { name, takes, gives, call } of FUNCTIONS) {
    environment.registerFunction(`${marked(name)}(${takes.join(', ')}): ${gives}`, call)
  }
  return environment
}

let shared: Environment | undefined

export function compile(rule: string): Compiled {
  shared ??= empty().registerVariable('self', 'dyn').registerVariable('oldSelf', 'dyn')
  const parsed: ParseResult = shared.parse(rewritten(rule))
  const usesOldSelf = withoutStrings(rule).some((part) => /\boldSelf\b/.test(part))
  const { steps, loops } = shapeOf(parsed.ast)
  return {
    usesOldSelf,
    costOf: (parts) => steps * parts ** Math.max(1, loops),
    evaluate({ self, oldSelf }, options) {
      const fault = [self, usesOldSelf ? oldSelf : null].find((value) => value instanceof Fault)
      if (fault) return { error: fault.message }
      const before = options?.optionalOldSelf ? { oldSelf: oldSelf === undefined ? Optional.none() : Optional.of(oldSelf) } : { oldSelf }
      try {
        const value: unknown = parsed({ self, ...before })
        return { value }
      } catch (error) {
        if (error instanceof OutOfBudget) throw error
        return { error: sentenceOf(error) }
      }
    },
  }
}

const LOOPS = new Set(['all', 'exists', 'exists_one', 'map', 'filter'])

interface Shape {
  readonly steps: number
  /** How deep loops are nested. */
  readonly loops: number
}

/** Of the engine's tree: every part has an operator and arguments, among them other parts. */
function shapeOf(part: unknown): Shape {
  if (Array.isArray(part)) return part.map(shapeOf).reduce(both, { steps: 0, loops: 0 })
  if (!isJsonObject(part) || !('op' in part)) return { steps: 0, loops: 0 }
  const args = part['args']
  const inner = shapeOf(args)
  const isLoop = part['op'] === 'rcall' && Array.isArray(args) && LOOPS.has(String(args[0]))
  return { steps: inner.steps + 1, loops: inner.loops + (isLoop ? 1 : 0) }
}

const both = (a: Shape, b: Shape): Shape => ({ steps: a.steps + b.steps, loops: Math.max(a.loops, b.loops) })

/** As the API server's engine says it. Ours draws the place in the rule over several lines besides; a cause has one. */
function sentenceOf(error: unknown): string {
  if (!(error instanceof EvaluationError)) return error instanceof Fault ? error.message : String(error)
  const [, index] = /index out of bounds, index (-?\d+)/.exec(error.summary) ?? []
  if (index !== undefined) return `index out of bounds: ${index}`
  return error.summary
    .replace(/^No such key/, 'no such key')
    .replace(/^integer overflow: .*/s, 'integer overflow')
    .replace(/^modulo by/, 'modulus by')
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

const STRING = /("(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')/

const withoutStrings = (rule: string): readonly string[] => rule.split(STRING).filter((_, index) => index % 2 === 0)

/** Calls of functions that are ours get their mark; what stands in texts stays as it is. */
const rewritten = (rule: string): string =>
  rule
    .split(STRING)
    .map((part, index) => (index % 2 === 0 ? part.replaceAll(CALL, (call, name: string) => (OURS.has(name) ? MARK + call : call)) : part))
    .join('')

const CALL = /\b([A-Za-z_]\w*)(?=\s*\()/g
