import { expect, test } from 'vitest'
import { parameterProblem, resolveParameters, type ParametersAsked, type TemplateParameter } from '../../crds/parameters.ts'

const NO_VALIDATION = { min: null, max: null, monotonic: null, regex: null, error: null }

const parameter = (changes: Partial<TemplateParameter> = {}): TemplateParameter => ({
  name: 'cpu',
  type: 'string',
  displayName: '',
  description: '',
  formType: 'input',
  mutable: true,
  ephemeral: false,
  required: false,
  default: null,
  options: [],
  validation: null,
  order: 0,
  ...changes,
})

const options = (...values: readonly string[]) => values.map((value) => ({ name: value, value, description: '' }))
const asked = (changes: Partial<ParametersAsked>): ParametersAsked => ({
  parameters: [parameter()],
  presets: [],
  preset: null,
  explicit: {},
  previous: {},
  ...changes,
})
const SMALL = { name: 'small', default: true, description: '', parameters: { cpu: 'preset', other: 'ignored' } }

test.each([
  ['explicit comes first', { explicit: { cpu: 'explicit' }, previous: { cpu: 'previous' }, presets: [SMALL], preset: 'small' }, 'explicit'],
  ['then the previous build', { previous: { cpu: 'previous' }, presets: [SMALL], preset: 'small' }, 'previous'],
  ['then the preset', { presets: [SMALL], preset: 'small' }, 'preset'],
  ['then the default', { parameters: [parameter({ default: 'default' })] }, 'default'],
  ['an empty text is a value', { explicit: { cpu: '' }, previous: { cpu: 'previous' } }, ''],
  ['nothing is nothing', {}, undefined],
  ['a preset that nobody chose is not used', { presets: [SMALL] }, undefined],
  [
    'an ephemeral value lives for one build',
    { parameters: [parameter({ ephemeral: true, default: 'no' })], previous: { cpu: 'yes' } },
    'no',
  ],
])('%s', (_, changes, value) => {
  const answer = resolveParameters(asked(changes))
  expect(answer).toEqual({ values: value === undefined ? {} : { cpu: value }, problems: [] })
})

test('a value that is needed and missing, a name nobody knows and a preset that is none are each named', () => {
  const answer = resolveParameters(
    asked({ parameters: [parameter({ required: true })], explicit: { ram: '1' }, preset: 'huge', presets: [SMALL] }),
  )
  expect(answer.problems).toEqual([
    { parameter: 'huge', rule: 'preset', message: 'there is no preset "huge"; the template has small' },
    { parameter: 'ram', rule: 'unknown', message: 'there is no parameter "ram"; the template has cpu' },
    { parameter: 'cpu', rule: 'required', message: 'parameter "cpu" needs a value' },
  ])
})

const integers = (changes: object) => parameter({ type: 'number', validation: { ...NO_VALIDATION, ...changes } })

test.each([
  ['a text', parameter(), 'x', undefined, null],
  ['a number', parameter({ type: 'number' }), '-1.5e3', undefined, null],
  ['a word for a number', parameter({ type: 'number' }), 'two', undefined, ['type', 'parameter "cpu" must be a number, not "two"']],
  ['a number in another base', parameter({ type: 'number' }), '0x10', undefined, ['type', 'parameter "cpu" must be a number, not "0x10"']],
  ['an empty number', parameter({ type: 'number' }), '', undefined, ['type', 'parameter "cpu" must be a number, not ""']],
  ['true', parameter({ type: 'bool' }), 'true', undefined, null],
  ['True', parameter({ type: 'bool' }), 'True', undefined, ['type', 'parameter "cpu" must be true or false, not "True"']],
  ['a list', parameter({ type: 'list(string)' }), '["a","b"]', undefined, null],
  [
    'a list of numbers',
    parameter({ type: 'list(string)' }),
    '[1]',
    undefined,
    ['type', 'parameter "cpu" must be a JSON list of strings such as ["a","b"], not "[1]"'],
  ],
  ['an option', parameter({ options: options('2', '4') }), '4', undefined, null],
  [
    'none of the options',
    parameter({ options: options('2', '4') }),
    '8',
    undefined,
    ['option', 'parameter "cpu" does not offer "8"; it offers "2", "4"'],
  ],
  [
    'several of them',
    parameter({ type: 'list(string)', formType: 'multi-select', options: options('a', 'b') }),
    '["b","a"]',
    undefined,
    null,
  ],
  [
    'several, and another',
    parameter({ type: 'list(string)', formType: 'multi-select', options: options('a', 'b') }),
    '["a","c"]',
    undefined,
    ['option', 'parameter "cpu" does not offer "c"; it offers "a", "b"'],
  ],
  [
    'a list that is one of the options',
    parameter({ type: 'list(string)', formType: 'radio', options: options('["a"]', '["b"]') }),
    '["b"]',
    undefined,
    null,
  ],
  ['within bounds', integers({ min: 1, max: 8 }), '8', undefined, null],
  ['too little', integers({ min: 1, max: 8 }), '0', undefined, ['minimum', 'parameter "cpu" must be at least 1, not 0']],
  ['too much', integers({ min: 1, max: 8 }), '9', undefined, ['maximum', 'parameter "cpu" must be at most 8, not 9']],
  [
    'a fraction where there are rules',
    integers({ min: 1 }),
    '1.5',
    undefined,
    ['integer', 'parameter "cpu" must be a whole number, not "1.5"'],
  ],
  [
    'too much, in own words',
    integers({ min: 1, max: 8, error: 'from {min} to {max}, not {value}' }),
    '9',
    undefined,
    ['maximum', 'parameter "cpu": from 1 to 8, not 9'],
  ],
  ['growing', integers({ monotonic: 'increasing' }), '4', '2', null],
  [
    'shrinking where only growing',
    integers({ monotonic: 'increasing' }),
    '1',
    '2',
    ['monotonic', 'parameter "cpu" may only be increasing: it was 2 and cannot become 1'],
  ],
  [
    'growing where only shrinking',
    integers({ monotonic: 'decreasing' }),
    '3',
    '2',
    ['monotonic', 'parameter "cpu" may only be decreasing: it was 2 and cannot become 3'],
  ],
  ['after a value that was no number', integers({ monotonic: 'increasing' }), '1', 'many', null],
  ['a match anywhere', parameter({ validation: { ...NO_VALIDATION, regex: 'b+', error: 'needs a b' } }), 'abba', undefined, null],
  [
    'no match',
    parameter({ validation: { ...NO_VALIDATION, regex: '^b+$', error: 'needs b, not {value}' } }),
    'abba',
    undefined,
    ['regex', 'parameter "cpu": needs b, not abba'],
  ],
  [
    'changed though it may not',
    parameter({ mutable: false }),
    '4',
    '2',
    ['immutable', 'parameter "cpu" cannot change after the first build: it is "2"'],
  ],
  ['not changed', parameter({ mutable: false }), '2', '2', null],
  ['too long', parameter(), 'x'.repeat(8193), undefined, ['length', 'parameter "cpu" is longer than 8192 characters']],
] as const)('%s', (_, one, value, previous, problem) => {
  expect(parameterProblem(one, value, previous)).toEqual(problem && { parameter: 'cpu', rule: problem[0], message: problem[1] })
})

test('a pattern made to hang is answered at once', () => {
  const one = parameter({ validation: { ...NO_VALIDATION, regex: '^(a+)+$' } })
  expect(parameterProblem(one, `${'a'.repeat(5000)}!`, undefined)?.rule).toBe('regex')
})

test('the name __proto__ is a name as any other', () => {
  const answer = resolveParameters(asked({ parameters: [parameter({ name: '__proto__', default: 'x' })] }))
  expect(Object.getOwnPropertyNames(answer.values)).toEqual(['__proto__'])
  expect(resolveParameters(asked({ parameters: [parameter({ name: 'constructor' })] })).values).toEqual({})
})

test('where what is asked depends on the answers, they are taken as they are given', () => {
  const answered = resolveParameters(
    asked({
      parameters: [
        parameter({ default: 'default', mutable: false, options: options('a', 'b') }),
        parameter({ name: 'once', ephemeral: true }),
      ],
      presets: [SMALL],
      preset: 'small',
      explicit: { cpu: 'elsewhere', later: 'x' },
      previous: { cpu: 'a', once: 'before' },
      conditional: true,
    }),
  )
  expect(answered.values).toEqual({ cpu: 'elsewhere', other: 'ignored', later: 'x' })
  expect(answered.problems.map(({ parameter: name, rule }) => [name, rule])).toEqual([['cpu', 'immutable']])
})
