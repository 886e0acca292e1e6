import { expect, test } from 'vitest'
import { GROUP, KINDS } from '../../crds/kinds.ts'
import { typeProblem } from '../../crds/schema/cel.ts'
import { isJsonObject, type Rule, type Schema } from '../../crds/schema/types.ts'
import { causesOf, created, kindNamed, replaced } from './support/objects.ts'
import { RULE_CASES, type RuleCase } from './support/rule-cases.ts'

const admitted = (one: RuleCase) =>
  one.old === undefined ? created(one.kind, one.object) : replaced(one.kind, one.object, created(one.kind, one.old).object)

test.each(RULE_CASES.filter(({ refused }) => !refused))('accepts $kind: $name', (one) => {
  expect(admitted(one).warnings).toEqual([])
})

test.each(RULE_CASES.filter(({ refused }) => refused))('refuses $kind: $name', (one) => {
  const said = causesOf(() => admitted(one)).filter(({ field }) => field === one.refused?.field)
  expect(said.filter(({ message }) => message.endsWith(one.refused?.message ?? '?'))).not.toEqual([])
})

interface Placed {
  readonly kind: string
  readonly path: readonly string[]
  readonly schema: Schema
  readonly rule: Rule
}

const rulesOf = (kind: string, schema: Schema, path: readonly string[] = []): readonly Placed[] => [
  ...schema.rules.map((rule) => ({ kind, path, schema, rule })),
  ...[...schema.properties].flatMap(([name, child]) => rulesOf(kind, child, [...path, name])),
  ...(schema.items ? rulesOf(kind, schema.items, [...path, '*']) : []),
  ...(schema.additionalProperties ? rulesOf(kind, schema.additionalProperties, [...path, '*']) : []),
]

const ALL = KINDS.filter(({ group }) => group === GROUP).flatMap(({ kind, schema }) => rulesOf(kind, schema))

/** Everything found at a path; `*` stands for every item. */
const valuesAt = (value: unknown, path: readonly string[]): readonly unknown[] => {
  const [name, ...rest] = path
  if (name === undefined) return [value]
  if (name === '*')
    return (Array.isArray(value) ? value : isJsonObject(value) ? Object.values(value) : []).flatMap((item) => valuesAt(item, rest))
  return isJsonObject(value) && Object.hasOwn(value, name) ? valuesAt(value[name], rest) : []
}

const ACCEPTED = RULE_CASES.filter(({ refused }) => !refused).map((one) => ({ one, object: admitted(one).object }))

test.each(ALL)('$kind $path: the rule "$rule.rule" is accepted once and refused once', ({ kind, path, rule }) => {
  const transition = /\boldSelf\b/.test(rule.rule)
  const applies = (one: RuleCase): boolean => one.kind === kind && (!transition || one.old !== undefined)
  const accepted = ACCEPTED.filter(({ one, object }) => applies(one) && valuesAt(object, path).length > 0)
  const field = new RegExp(`^${path.join('.').replaceAll('.*', '\\[\\d+\\]')}${rule.fieldPath ?? ''}$`)
  const refused = RULE_CASES.filter(applies).filter(
    ({ refused }) => refused && field.test(refused.field) && refused.message.endsWith(rule.message ?? ''),
  )
  expect({ accepted: accepted.length > 0, refused: refused.length > 0 }).toEqual({ accepted: true, refused: true })
})

test.each(ALL)('$kind $path: the rule "$rule.rule" says what is wrong, and where', ({ rule, schema }) => {
  expect(rule.message).toMatch(/^\S.{3,}/)
  const target = (rule.fieldPath ?? '')
    .split('.')
    .filter(Boolean)
    .reduce<Schema | undefined>((at, name) => at?.properties.get(name), schema)
  expect(target).toBeDefined()
  // A rule about several fields must point at one of them.
  if (schema.type === 'object' && rule.rule !== 'self == oldSelf' && !rule.rule.includes('exists_one'))
    expect(rule.fieldPath).not.toBeNull()
})

test.each(ALL)('$kind $path: the rule "$rule.rule" fits the types of its fields', ({ rule, schema }) => {
  expect(typeProblem(rule.rule, schema)).toBeNull()
})

test.each([
  ['!has(self.ownr)', 'Workspace', 'ownr'],
  ['self.owner > 3', 'Workspace', '>'],
  ['self.owner', 'Workspace', 'bool'],
  ["self.namespace == 'x'", 'Workspace', 'namespace'],
])('the check of types catches %s', (rule, kind, word) => {
  expect(typeProblem(rule, kindNamed(kind).schema.properties.get('spec') ?? kindNamed(kind).schema)).toContain(word)
})

/** The functions that we have, and that agree with the API server's; the rest would accept here what a cluster refuses. */
const FUNCTIONS = new Set(['has', 'size', 'int', 'duration', 'getSeconds', 'matches', 'startsWith', 'endsWith', 'substring', 'exists_one'])

test.each(ALL)('$kind $path: the rule "$rule.rule" calls only functions both homes agree on', ({ rule }) => {
  const code = rule.rule.replaceAll(/'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"/g, '')
  const called = [...code.matchAll(/([A-Za-z_]\w*)\s*\(/g)].map(([, name]) => name ?? '').filter((name) => name !== 'in')
  expect(called.filter((name) => !FUNCTIONS.has(name))).toEqual([])
})
