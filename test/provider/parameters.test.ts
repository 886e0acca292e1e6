import { expect, test } from 'vitest'
import { systemClock } from '../../controller/kernel/clock.ts'
import { readData, validateEntry } from '../../provider/calls.ts'
import type { Identity } from '../../provider/port.ts'
import { FORM_TYPES, isParameterType } from '../../provider/schema/parameter.ts'
import { openSession } from '../../provider/session.ts'
import type { ObjectValue } from '../../provider/wire/values.ts'
import { recordingHost } from './host.ts'

/** One parameter of a template, with what a build gives for it. */
async function read(config: ObjectValue, identity: Partial<Identity> = {}) {
  const host = recordingHost(identity)
  const session = openSession(host, { clock: systemClock, held: new Set() })
  const whole = { name: 'p', option: [], validation: [], ...config }
  const { state, diagnostics } = await readData('coder_parameter', whole, session)
  return { state: state as ObjectValue | null, problems: diagnostics.map(({ detail }) => detail), seen: host.parameters[0] }
}

const given = (value: string, previous?: string): Partial<Identity> => ({
  parameters: new Map([['p', value]]),
  previousParameters: new Map(previous === undefined ? [] : [['p', previous]]),
})

const options = (...values: readonly string[]) =>
  values.map((value) => ({ name: value.toUpperCase(), value, description: null, icon: null }))
const rules = (validation: ObjectValue) => [{ min: null, max: null, monotonic: null, regex: null, error: null, ...validation }]

test.each<[string, boolean, readonly string[]]>([
  ['string', true, ['radio', 'dropdown']],
  ['string', false, ['input', 'textarea']],
  ['number', true, ['radio', 'dropdown']],
  ['number', false, ['input', 'slider']],
  ['bool', true, ['radio', 'dropdown']],
  ['bool', false, ['checkbox', 'switch']],
  ['list(string)', true, ['radio', 'multi-select']],
  ['list(string)', false, ['tag-select']],
])('a %s with options: %s takes %j, the first of them unless told otherwise', async (type, hasOptions, allowed) => {
  const values: Readonly<Record<string, string>> = { string: 'a', number: '1', bool: 'true', 'list(string)': '["a"]' }
  const option = (formType: string) => (hasOptions ? options(formType === 'multi-select' ? 'a' : (values[type] ?? '')) : [])
  const { state } = await read({ type, option: option('') }, given(values[type] ?? ''))
  expect(state).toMatchObject({ form_type: allowed[0], value: values[type] })

  const all = [...new Set(Object.values(FORM_TYPES).flatMap((each) => each.options.concat(each.free))), 'error']
  const taken: string[] = []
  for (const form_type of all) {
    const problems = await validateEntry('data', 'coder_parameter', {
      name: 'p',
      type,
      form_type,
      option: option(form_type),
      validation: [],
    })
    if (problems.length === 0) taken.push(form_type)
    else expect(problems.map(({ path }) => path)).toContainEqual(['form_type'])
  }
  expect(taken.sort()).toEqual([...allowed].sort())
  expect(isParameterType(type)).toEqual(true)
})

test.each<[string, ObjectValue, Partial<Identity>, string]>([
  ['a given value wins over the default', { default: 'a' }, given('b'), 'b'],
  ['an empty given value counts', { default: 'a' }, given(''), ''],
  ['the default is taken when nothing is given', { default: 'a' }, {}, 'a'],
  ['without either a parameter without rules is empty', {}, {}, ''],
  ['a number may have a fraction', { type: 'number' }, given('1.5'), '1.5'],
  [
    'several of a multi-select',
    { type: 'list(string)', form_type: 'multi-select', option: options('a', 'b') },
    given('["a","b"]'),
    '["a","b"]',
  ],
  ['one whole list of a radio', { type: 'list(string)', option: options('["a","b"]') }, given('["a","b"]'), '["a","b"]'],
  ['a regex matches anywhere', { validation: rules({ regex: 'b', error: 'no' }) }, given('abc'), 'abc'],
  ['monotonic: the same value again', { type: 'number', validation: rules({ monotonic: 'increasing' }) }, given('4', '4'), '4'],
  [
    'monotonic: a previous value that is no number is ignored',
    { type: 'number', validation: rules({ monotonic: 'increasing' }) },
    given('4', 'x'),
    '4',
  ],
  ['a workspace that goes away needs no valid value', { type: 'number' }, { transition: 'destroy', ...given('many') }, 'many'],
  ['whether it may change is not judged here', { mutable: false }, given('b', 'a'), 'b'],
])('%s', async (_, config, identity, value) => {
  const { state, problems, seen } = await read(config, identity)
  expect(problems).toEqual([])
  expect(state).toMatchObject({ value, optional: 'default' in config })
  expect(seen?.value).toEqual(value)
})

test.each<[string, ObjectValue, Partial<Identity>, string]>([
  ['a bool is true or false', { type: 'bool' }, given('yes'), 'parameter "p" must be true or false, not "yes".'],
  ['a list is JSON', { type: 'list(string)' }, given('a,b'), 'parameter "p" must be a JSON list of strings such as ["a","b"], not "a,b".'],
  ['a value is one of the options', { option: options('a') }, given('b'), 'parameter "p" does not offer "b"; it offers "a".'],
  [
    'every value of a multi-select is one of the options',
    { type: 'list(string)', form_type: 'multi-select', option: options('a') },
    given('["a","b"]'),
    'parameter "p" does not offer "b"; it offers "a".',
  ],
  [
    'rules make a number whole',
    { type: 'number', validation: rules({ min: 1 }) },
    given('1.5'),
    'parameter "p" must be a whole number, not "1.5".',
  ],
  ['the least', { type: 'number', validation: rules({ min: 2 }) }, given('1'), 'parameter "p" must be at least 2, not 1.'],
  ['the most', { type: 'number', validation: rules({ max: 2, error: '{value} > {max}, {min}' }) }, given('3'), 'parameter "p": 3 > 2, .'],
  [
    'only upwards',
    { type: 'number', validation: rules({ monotonic: 'increasing' }) },
    given('3', '4'),
    'parameter "p" may only be increasing: it was 4 and cannot become 3.',
  ],
  [
    'only downwards',
    { type: 'number', validation: rules({ monotonic: 'decreasing' }) },
    given('5', '4'),
    'parameter "p" may only be decreasing: it was 4 and cannot become 5.',
  ],
  ['a regex', { validation: rules({ regex: '^a$', error: 'write a' }) }, given('b'), 'parameter "p": write a.'],
  [
    'nothing given is judged as empty where there are rules',
    { type: 'number', validation: rules({ min: 1 }) },
    {},
    'parameter "p" must be a number, not "".',
  ],
])('refused: %s', async (_, config, identity, problem) => {
  const { state, problems, seen } = await read(config, identity)
  expect({ state, problems, seen }).toEqual({ state: null, problems: [problem], seen: undefined })
})

test.each<[string, ObjectValue, string]>([
  ['text is empty', { validation: rules({ regex: 'a', error: 'a' }) }, ''],
  ['options give their first', { option: options('a', 'b') }, 'a'],
  ['a number is the least', { type: 'number', validation: rules({ min: 3, max: 5 }) }, '3'],
  ['a number is the most', { type: 'number', validation: rules({ max: -5 }) }, '-5'],
  ['a number is none', { type: 'number' }, '0'],
  ['a bool is false', { type: 'bool' }, 'false'],
  ['a list is empty', { type: 'list(string)' }, '[]'],
  ['a multi-select is empty', { type: 'list(string)', form_type: 'multi-select', option: options('a') }, '[]'],
  ['a default is taken all the same', { default: 'd' }, 'd'],
])('a template that is only read: %s', async (_, config, value) => {
  const { state, problems } = await read(config, { importing: true })
  expect(problems).toEqual([])
  expect(state).toMatchObject({ value })
})

test('the host is told everything about a parameter', async () => {
  const { seen } = await read({
    display_name: 'Size',
    description: 'How large',
    type: 'number',
    form_type: 'dropdown',
    mutable: true,
    default: '2',
    order: 7,
    option: options('1', '2'),
    validation: rules({ min: 1, max: 2, monotonic: 'increasing', error: 'no' }),
  })
  expect(seen).toEqual({
    name: 'p',
    displayName: 'Size',
    description: 'How large',
    type: 'number',
    formType: 'dropdown',
    mutable: true,
    ephemeral: false,
    default: '2',
    options: [
      { name: '1', value: '1', description: '' },
      { name: '2', value: '2', description: '' },
    ],
    validation: { min: 1, max: 2, monotonic: 'increasing', regex: null, error: 'no' },
    order: 7,
    value: '2',
  })
})

test('a preset is told with its values', async () => {
  const host = recordingHost()
  const session = openSession(host, { clock: systemClock, held: new Set() })
  const config = { name: 'small', default: true, description: 'Little', icon: null, parameters: { cpu: '1' }, prebuilds: [] }
  const { state, diagnostics } = await readData('bothy_workspace_preset', config, session)
  expect({ state, diagnostics }).toEqual({ state: { ...config, id: 'small' }, diagnostics: [] })
  expect(host.presets).toEqual([{ name: 'small', default: true, description: 'Little', parameters: { cpu: '1' } }])
})
