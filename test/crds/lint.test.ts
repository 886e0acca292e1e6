import { expect, test } from 'vitest'
import { GROUP, KINDS } from '../../crds/kinds.ts'
import { readDefinition } from '../../crds/load.ts'
import { field, objectsOf } from '../../crds/schema/load.ts'
import type { Rule, Schema } from '../../crds/schema/types.ts'
import { CORPUS } from '../differential/corpus/index.ts'
import { rulesIn } from '../differential/corpus/rules.ts'
import { readRecorded } from '../differential/harness/recorded.ts'

/** What a cluster would refuse in a definition, or what would make `kubectl explain` a poor manual. */

interface Field {
  readonly at: string
  readonly schema: Schema
}

const fieldsOf = (at: string, schema: Schema): readonly Field[] => [
  { at, schema },
  ...[...schema.properties].flatMap(([name, child]) => fieldsOf(`${at}.${name}`, child)),
  ...(schema.items ? fieldsOf(`${at}[]`, schema.items) : []),
  ...(schema.additionalProperties ? fieldsOf(`${at}{}`, schema.additionalProperties) : []),
]

const FIELDS = KINDS.flatMap(({ kind, group, schema }) => (group === GROUP ? fieldsOf(kind, schema) : []))
const wrong = (is: (field: Field) => boolean): readonly string[] => FIELDS.filter(is).map(({ at }) => at)

const keysOf = ({ schema }: Field) =>
  schema.listMapKeys.map((key) => ({ required: schema.items?.required.includes(key), type: schema.items?.properties.get(key)?.type }))
const isNumber = ({ schema }: Field): boolean => schema.type === 'integer' || schema.type === 'number'
const rulesThat = (is: (rule: Rule) => boolean): readonly string[] =>
  FIELDS.flatMap(({ at, schema }) => schema.rules.filter(is).map(({ rule }) => `${at}: ${rule}`))
const names = ({ schema }: Field): readonly string[] => (schema.enum ?? []).map(String)

test('every field is described in a sentence', () => {
  expect(wrong(({ at, schema }) => !at.endsWith('.metadata') && !/^["A-Z0-9].{7,}[.:]?$/s.test(schema.description))).toEqual([])
})

test('metadata says nothing but the bounds of the name: a cluster refuses a definition that says more', () => {
  for (const { kind } of KINDS.filter(({ group }) => group === GROUP)) {
    const [version] = objectsOf(field(readDefinition(kind), 'spec', 'versions'))
    const said = field(version, 'schema', 'openAPIV3Schema', 'properties', 'metadata')
    expect(Object.keys(said as object)).toEqual(['type', 'properties'])
    expect(Object.keys(field(said, 'properties') as object)).toEqual(['name'])
  }
})

test('every text has a greatest length', () => {
  expect(wrong(({ schema }) => schema.type === 'string' && schema.maxLength === null)).toEqual([])
})

test('every list has a greatest size and says how it merges', () => {
  expect(wrong(({ schema }) => schema.type === 'array' && (schema.maxItems === null || schema.items === null))).toEqual([])
  expect(wrong(({ schema }) => schema.listType === 'map' && schema.listMapKeys.length === 0)).toEqual([])
})

test('the keys of list maps are required fields of one plain type', () => {
  expect(wrong((field) => keysOf(field).some(({ required, type }) => !required || type !== 'string'))).toEqual([])
})

test('every map has a greatest size', () => {
  expect(wrong(({ schema }) => schema.additionalProperties !== null && schema.maxProperties === null)).toEqual([])
})

test('every number has both bounds, within what JSON can carry', () => {
  expect(wrong((field) => isNumber(field) && (field.schema.minimum === null || field.schema.maximum === null))).toEqual([])
  expect(wrong((field) => isNumber(field) && (field.schema.maximum ?? 0) > Number.MAX_SAFE_INTEGER)).toEqual([])
  expect(wrong((field) => isNumber(field) && (field.schema.minimum ?? 0) < Number.MIN_SAFE_INTEGER)).toEqual([])
})

test('no rule asks about times finer than a millisecond: here an instant has no more', () => {
  expect(rulesThat(({ rule }) => /\btimestamp\s*\(|getMilliseconds|[0-9](ns|us|µs|μs)\b/.test(rule))).toEqual([])
})

/** In a cluster such lists are equal in any order. */
const hasKeyedList = (schema: Schema): boolean =>
  schema.listType !== 'atomic' ||
  fieldsOf('', schema)
    .slice(1)
    .some((child) => hasKeyedList(child.schema))

test('no rule compares lists that are sets or maps', () => {
  expect(
    wrong(({ schema }) => schema.rules.some(({ rule }) => /\bself\s*[!=]=|[!=]=\s*oldSelf\b(?!\.)/.test(rule)) && hasKeyedList(schema)),
  ).toEqual([])
})

const WRITTEN = ['2xx', '422'] as const

/** What became of the steps of the corpus that try each rule, as the real server answered. */
function triedRules(): ReadonlyMap<string, ReadonlySet<string>> {
  const tried = new Map<string, Set<string>>()
  for (const [theme, scenarios] of Object.entries(CORPUS)) {
    const recorded = readRecorded(theme)
    for (const { name, steps } of scenarios) {
      for (const { rule, does } of steps) {
        if (rule === undefined) continue
        const code = recorded[name]?.[does]?.code ?? 0
        const outcomes = tried.get(rule) ?? new Set()
        tried.set(rule, outcomes.add(code >= 200 && code < 300 ? '2xx' : String(code)))
      }
    }
  }
  return tried
}

test('every rule was accepted once and refused once by the real server', () => {
  const tried = triedRules()
  const rules = KINDS.filter(({ group }) => group === GROUP).flatMap(({ kind, openApi }) => rulesIn(kind, openApi))
  expect(rules.length).toBeGreaterThan(40)
  expect(rules.filter((rule) => WRITTEN.some((outcome) => !tried.get(rule)?.has(outcome)))).toEqual([])
})

test('enum values are names in CamelCase, but for Terraform types', () => {
  expect(wrong((field) => names(field).some((name) => !/^[A-Z][A-Za-z]*$/.test(name)))).toEqual(['Template.status.parameters[].type'])
})

test('no pattern repeats a repetition: in JavaScript it could take for ever', () => {
  const nested = /\((?:[^()]|\([^()]*\))*(?:[*+]|\{\d+,\})(?:[^()]|\([^()]*\))*\)(?:[*+]|\{\d+,\})/
  expect(wrong(({ schema }) => schema.pattern !== null && nested.test(schema.pattern))).toEqual([])
})

test('patterns are anchored and mean the same to RE2 and to JavaScript', () => {
  const patterns = FIELDS.flatMap(({ at, schema }) => (schema.pattern === null ? [] : [{ at, pattern: schema.pattern }]))
  expect(patterns.filter(({ pattern }) => !/^\^.*\$$/.test(pattern) || /\(\?|\\p|\[\[:/.test(pattern))).toEqual([])
})

test('every default is valid by itself and named fields only are required', () => {
  expect(wrong(({ schema }) => schema.required.some((name) => !schema.properties.has(name)))).toEqual([])
  expect(wrong(({ schema }) => schema.required.some((name) => schema.properties.get(name)?.default !== null))).toEqual([])
  expect(wrong(({ schema }) => schema.enum !== null && schema.default !== null && !schema.enum.includes(schema.default.value))).toEqual([])
})

test('conditions are the same everywhere', () => {
  const conditions = FIELDS.filter(({ at }) => at.endsWith('.status.conditions')).map(({ schema }) => [
    schema.items,
    schema.maxItems,
    schema.listMapKeys,
  ])
  expect(conditions.length).toBe(4)
  for (const one of conditions) expect(one).toEqual(conditions[0])
})
