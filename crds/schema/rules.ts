import { duplicate, duplicateWhole, forbidden, invalid, invalidWhole, required, sentenceOf, type Issue } from './causes.ts'
import { compile, type Compiled, type Variables } from './cel.ts'
import { Budget, OutOfBudget, within } from './cel-budget.ts'
import { celValue, Fault, type CelValue } from './cel-values.ts'
import { fieldBefore, itemBefore, unchanged, type Before } from './correlate.ts'
import { joined, shortened } from './decode.ts'
import { isJsonObject, own, type Rule, type Schema } from './types.ts'

export interface RuleIssues {
  readonly issues: readonly Issue[]
  /** Rules that are broken where nothing changed: told, not refused. */
  readonly warnings: readonly string[]
}

interface Visit {
  readonly schema: Schema
  readonly value: unknown
  readonly path: string
  /** The same part of the object before, where it can be told which that was. */
  readonly before: Before | null
  /** Whether the nearest part that can be told is unchanged. */
  readonly unchanged: boolean
}

interface Found {
  readonly issues: Issue[]
  readonly warnings: string[]
  readonly budget: Budget
}

/** Asks the rules of a schema, parents before children. A rule about `oldSelf` is asked only where there is an old one. */
export function ruleIssues(schema: Schema, value: unknown, before: Before | null, budget = new Budget()): RuleIssues {
  const found: Found = { issues: [], warnings: [], budget }
  try {
    within(budget, () => visit({ schema, value, path: '', before, unchanged: false }, found))
  } catch (error) {
    if (!(error instanceof OutOfBudget)) throw error
    found.issues.push(
      invalid('', schema.type, 'validation failed due to running out of cost budget, no further validation rules will be run'),
    )
  }
  return found
}

/** Whether a schema has rules anywhere below, so that the many parts without any are not walked. */
const ruled = new WeakMap<Schema, boolean>()

export function hasRules(schema: Schema): boolean {
  const known = ruled.get(schema)
  if (known !== undefined) return known
  const children = [schema.items, schema.additionalProperties, ...schema.properties.values()]
  const answer = schema.rules.length > 0 || children.some((child) => child !== null && hasRules(child))
  ruled.set(schema, answer)
  return answer
}

function visit(at: Visit, found: Found): void {
  const { schema, value, path, before } = at
  if (value === null || value === undefined || !hasRules(schema)) return
  const same = before ? unchanged(schema, before, value) : at.unchanged
  if (schema.rules.length > 0) askRules({ ...at, unchanged: same }, found)
  if (Array.isArray(value) && schema.items) {
    for (const [index, item] of value.entries()) {
      const old = itemBefore(schema, before, item)
      visit({ schema: schema.items, value: item, path: `${path}[${index}]`, before: old, unchanged: same }, found)
    }
  }
  if (!isJsonObject(value)) return
  for (const name of Object.keys(value)) {
    const field = schema.properties.get(name)
    const child = field ?? schema.additionalProperties
    const childPath = field ? joined(path, name) : `${path}[${shortened(name)}]`
    if (child) visit({ schema: child, value: own(value, name), path: childPath, before: fieldBefore(before, name), unchanged: same }, found)
  }
}

function askRules(at: Visit, found: Found): void {
  const self = celValue(at.schema, at.value)
  const oldSelf = at.before === null || at.before.value === null ? undefined : celValue(at.schema, at.before.value)
  const parts = partsOf(at.value)
  for (const rule of at.schema.rules) {
    const compiled = compiledRule(rule.rule)
    if (compiled.usesOldSelf && oldSelf === undefined && !rule.optionalOldSelf) continue
    found.budget.spend(compiled.costOf(parts))
    const broken = ask(rule, compiled, at, self, oldSelf)
    if (!broken) continue
    // What a change means is never excused; nor is a rule that could not be asked.
    if (at.unchanged && !compiled.usesOldSelf && !broken.failed) found.warnings.push(sentenceOf(broken.issue))
    else found.issues.push(broken.issue)
  }
}

function partsOf(value: unknown): number {
  if (Array.isArray(value)) return value.reduce<number>((sum, item) => sum + partsOf(item), 1)
  return isJsonObject(value) ? Object.values(value).reduce<number>((sum, item) => sum + partsOf(item), 1) : 1
}

interface Broken {
  readonly issue: Issue
  /** The rule itself failed, rather than said no. */
  readonly failed: boolean
}

function ask(rule: Rule, compiled: Compiled, at: Visit, self: CelValue | Fault, oldSelf: CelValue | Fault | undefined): Broken | null {
  const variables = oldSelf === undefined ? { self } : { self, oldSelf }
  const answer = compiled.evaluate(variables, { optionalOldSelf: rule.optionalOldSelf })
  const what = rule.message?.trim() ?? rule.rule.trim()
  if ('error' in answer) {
    return { issue: invalid(at.path, typeOf(at.schema), `${answer.error} evaluating rule: ${what}`), failed: true }
  }
  if (answer.value === true) return null
  const path = rule.fieldPath === null ? at.path : joined(at.path, rule.fieldPath.replace(/^\./, ''))
  return { issue: issueFor(rule, path, at, detailOf(rule, variables)), failed: false }
}

function detailOf(rule: Rule, variables: Variables): string {
  if (rule.messageExpression !== null) {
    const said = compiledRule(rule.messageExpression).evaluate(variables)
    if ('value' in said && typeof said.value === 'string' && said.value.trim() !== '') return said.value.trim()
  }
  return rule.message?.trim() ?? `failed rule: ${rule.rule.trim()}`
}

function issueFor(rule: Rule, path: string, { schema, value }: Visit, detail: string): Issue {
  const isWhole = schema.type === 'object' || schema.type === 'array'
  switch (rule.reason) {
    case 'FieldValueForbidden':
      return forbidden(path, detail)
    case 'FieldValueRequired':
      return required(path, detail)
    case 'FieldValueDuplicate':
      return isWhole ? duplicateWhole(path) : duplicate(path, value)
    case 'FieldValueInvalid':
      return isWhole ? invalidWhole(path, detail) : invalid(path, value, detail)
  }
}

const typeOf = (schema: Schema): string => schema.type ?? ''

/** Compiled when first asked: a program that never sees a Template need not compile its rules. */
const compiledRules = new Map<string, Compiled>()

function compiledRule(rule: string): Compiled {
  const known = compiledRules.get(rule)
  if (known) return known
  const made = compile(rule)
  compiledRules.set(rule, made)
  return made
}
