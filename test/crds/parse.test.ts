import { expect, test } from 'vitest'
import { JSON_DEPTH_MAX, parseJson } from '../../crds/schema/parse.ts'
import { causesOf, created, refusalOf, workspace } from './support/objects.ts'

test('fields that are given twice are named by their paths, and the last one counts', () => {
  const text =
    '{"a": 1, "b": [{"c": 1, "c": 2}, {"d": {"e": true, "e": 2}}], "a": -0.5e-3, "x\\"y": "a\\\\", "x\\"y": ":", "__proto__": 1, "__proto__": 2}'
  const { value, duplicates } = parseJson(text)
  expect(duplicates).toEqual(['b[0].c', 'b[1].d.e', 'a', 'x"y', '__proto__'])
  expect(JSON.stringify(value)).toBe('{"a":-0.0005,"b":[{"c":2},{"d":{"e":2}}],"x\\"y":":","__proto__":2}')
})

test('names and braces inside of texts are texts', () => {
  expect(parseJson('{"a": "{\\"a\\": 1, \\"a\\": 2}", "b": "a\\\\", "c": ["a", "a", {"a": 1}, {"a": 2}]}').duplicates).toEqual([])
})

test.each([
  ['{"a": 1e400}', 'too large: 1e400'],
  [`{"a": ${'9'.repeat(400)}}`, 'too large: 999'],
  ['['.repeat(JSON_DEPTH_MAX + 1) + ']'.repeat(JSON_DEPTH_MAX + 1), 'nested deeper than'],
  ['{"a": 1', 'is no JSON'],
  ['', 'is no JSON'],
])('a body that no object can be made of is refused: %.20s', (text, why) => {
  expect(refusalOf(() => parseJson(text))).toContain(why)
})

test('what was given twice is told before what nobody knows, or refused with it', () => {
  const twice = { duplicates: ['spec.power'] }
  expect(created('Workspace', workspace({ extra: 1 }), twice).warnings).toEqual([
    'duplicate field "spec.power"',
    'unknown field "spec.extra"',
  ])
  expect(refusalOf(() => created('Workspace', workspace({ extra: 1 }), { ...twice, fieldValidation: 'Strict' }))).toBe(
    '400 BadRequest Workspace in version "v1alpha1" cannot be handled as a Workspace: strict decoding error: duplicate field "spec.power", unknown field "spec.extra"',
  )
  expect(causesOf(() => created('Workspace', workspace(), { ...twice, fieldValidation: 'Strict', patch: true }))[0]?.field).toBe('patch')
})
