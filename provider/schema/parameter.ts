import type { ObjectValue, Value } from '../wire/values.ts'
import { isUnknown } from '../wire/values.ts'
import { parameterProblem, type TemplateParameter } from '../../crds/parameters.ts'
import { pattern } from '../../crds/schema/regex.ts'
import { computed, optional, required, type Block, type Diagnostic, type Entry, type Path } from './model.ts'
import { conflicts, given, itemsOf, json, oneOf, problem, repeated, url, whole } from './rules.ts'

export type ParameterType = 'string' | 'number' | 'bool' | 'list(string)'

/** How a parameter may be asked for, by its type and whether it has options; the first is taken unless it says otherwise. */
export const FORM_TYPES: Readonly<Record<ParameterType, { readonly options: readonly string[]; readonly free: readonly string[] }>> = {
  string: { options: ['radio', 'dropdown'], free: ['input', 'textarea'] },
  number: { options: ['radio', 'dropdown'], free: ['input', 'slider'] },
  bool: { options: ['radio', 'dropdown'], free: ['checkbox', 'switch'] },
  'list(string)': { options: ['radio', 'multi-select'], free: ['tag-select'] },
}

export const isParameterType = (value: Value): value is ParameterType => typeof value === 'string' && Object.hasOwn(FORM_TYPES, value)

export const formTypesOf = (type: ParameterType, hasOptions: boolean): readonly string[] =>
  FORM_TYPES[type][hasOptions ? 'options' : 'free']

const OPTION: Block = {
  description: 'One of the values that may be chosen.',
  attributes: {
    name: required('string', 'What people read.'),
    value: required('string', 'The value.'),
    description: optional('string', 'More about it.'),
    icon: optional('string', 'A picture.', { rules: [url] }),
  },
}

const VALIDATION: Block = {
  description: 'What a value must be beyond its type.',
  attributes: {
    min: optional('number', 'The least number.', { rules: [whole] }),
    max: optional('number', 'The largest number.', { rules: [whole] }),
    min_disabled: computed('bool', 'Whether there is no least number.', { derive: (block) => (block['min'] ?? null) === null }),
    max_disabled: computed('bool', 'Whether there is no largest number.', { derive: (block) => (block['max'] ?? null) === null }),
    monotonic: optional('string', 'A number may only go this way from build to build.', { rules: [oneOf('increasing', 'decreasing')] }),
    regex: optional('string', 'The text must match this somewhere (RE2).', { rules: [compiles] }),
    error: optional('string', 'What people read when it does not fit; {min}, {max} and {value} are filled in.'),
  },
  check: (config, path) => [
    ...conflicts(config, path, 'regex', ['min', 'max', 'monotonic']),
    ...(given(config, 'regex') && !given(config, 'error')
      ? [problem([...path, 'regex'], 'A regex without an error', 'Say in "error" what people should write: nobody reads a regex.')]
      : []),
  ],
}

function compiles(value: Value): string | null {
  if (typeof value !== 'string') return null
  try {
    pattern(value)
    return null
  } catch (error) {
    return `must be a regular expression (RE2): ${error instanceof Error ? error.message : String(error)}`
  }
}

const PARAMETER: Block = {
  description: 'A value that a template asks of whoever wants a workspace.',
  attributes: {
    id: computed('string', 'A uuid.'),
    name: required('string', 'Names the parameter.'),
    display_name: optional('string', 'What people read.'),
    description: optional('string', 'More about it.'),
    type: optional('string', 'What kind of value it is.', {
      default: 'string',
      rules: [oneOf('string', 'number', 'bool', 'list(string)')],
    }),
    form_type: optional('string', 'How it is asked for; left out: the first that suits the type.', { default: '' }),
    styling: optional('string', 'JSON that changes how it looks.', { default: '{}', rules: [json] }),
    mutable: optional('bool', 'Whether it may change after the first build.', { default: false }),
    default: optional('string', 'Taken when nobody gives a value.'),
    ephemeral: optional('bool', 'Whether a value is for one build only.', { default: false }),
    icon: optional('string', 'A picture.', { rules: [url] }),
    order: optional('number', 'Position among the others; smaller is earlier.', { rules: [whole] }),
    optional: computed('bool', 'Whether it has a default.', { derive: (config) => (config['default'] ?? null) !== null }),
    value: computed('string', 'The value of this build.'),
  },
  blocks: {
    option: { nesting: 'list', block: OPTION },
    validation: { nesting: 'list', max: 1, block: VALIDATION },
  },
  check: (config, path) => [
    ...repeated(config, path, 'option', 'name'),
    ...repeated(config, path, 'option', 'value'),
    ...formTypeProblems(config, path),
    ...ephemeralProblems(config, path),
    ...validationProblems(config, path),
    ...valueProblems(config, path),
  ],
}

function formTypeProblems(config: ObjectValue, path: Path): Diagnostic[] {
  const type = config['type'] ?? 'string'
  const formType = config['form_type'] ?? ''
  if (!isParameterType(type) || typeof formType !== 'string' || formType === '' || isUnknown(config['option'])) return []
  const hasOptions = given(config, 'option')
  const allowed = formTypesOf(type, hasOptions)
  if (allowed.includes(formType)) return []
  const whose = `A parameter of type ${type} ${hasOptions ? 'with' : 'without'} options`
  return [problem([...path, 'form_type'], 'Unsuitable form_type', `${whose} takes ${allowed.join(' or ')}, not "${formType}".`)]
}

function ephemeralProblems(config: ObjectValue, path: Path): Diagnostic[] {
  if (config['ephemeral'] !== true) return []
  return [
    ...(config['mutable'] === true || isUnknown(config['mutable'])
      ? []
      : [problem([...path, 'ephemeral'], 'An ephemeral parameter must be mutable', 'It is asked for at each build: set mutable = true.')]),
    ...(given(config, 'default')
      ? []
      : [problem([...path, 'ephemeral'], 'An ephemeral parameter needs a default', 'Builds that nobody asked for take the default.')]),
  ]
}

/** Which rules of a validation block the parameter's type takes. */
function validationProblems(config: ObjectValue, path: Path): Diagnostic[] {
  const type = config['type'] ?? 'string'
  if (!isParameterType(type)) return []
  const unsuitable = [...(type === 'number' ? [] : ['min', 'max', 'monotonic']), ...(type === 'string' ? [] : ['regex'])]
  return itemsOf(config, 'validation').flatMap((block, i) =>
    unsuitable
      .filter((name) => given(block, name))
      .map((name) =>
        problem(
          [...path, 'validation', i, name],
          'Unsuitable validation',
          `"${name}" is for parameters of type ${name === 'regex' ? 'string' : 'number'}, not ${type}.`,
        ),
      ),
  )
}

/** What a configuration asks for, in the words that everybody judges values by. null while part of it is unknown. */
export function askedBy(config: ObjectValue): TemplateParameter | null {
  const type = config['type'] ?? 'string'
  const known = ['name', 'default', 'form_type', 'mutable', 'ephemeral', 'order', 'option', 'validation'].every((name) =>
    isKnown(config[name] ?? null),
  )
  if (!known || !isParameterType(type)) return null
  const options = itemsOf(config, 'option').map((option) => ({
    name: text(option['name']),
    value: text(option['value']),
    description: text(option['description']),
  }))
  const rules = itemsOf(config, 'validation')[0]
  return {
    name: text(config['name']),
    type,
    displayName: text(config['display_name']),
    description: text(config['description']),
    formType: text(config['form_type']) || (formTypesOf(type, options.length > 0)[0] ?? ''),
    mutable: config['mutable'] === true,
    ephemeral: config['ephemeral'] === true,
    required: (config['default'] ?? null) === null,
    default: textOrNull(config['default']),
    options,
    validation: rules
      ? {
          // What is left out is 0 once the block is filled in.
          min: rules['min_disabled'] === true ? null : numberOrNull(rules['min']),
          max: rules['max_disabled'] === true ? null : numberOrNull(rules['max']),
          monotonic: rules['monotonic'] === 'increasing' || rules['monotonic'] === 'decreasing' ? rules['monotonic'] : null,
          regex: text(rules['regex']) || null,
          error: text(rules['error']) || null,
        }
      : null,
    order: numberOrNull(config['order']) ?? 0,
  }
}

const isKnown = (value: Value): boolean =>
  !isUnknown(value) && (typeof value !== 'object' || value === null || Object.values(value).every((each: Value) => isKnown(each)))

const text = (value: Value | undefined): string => (typeof value === 'string' ? value : '')
const textOrNull = (value: Value | undefined): string | null => (typeof value === 'string' ? value : null)
const numberOrNull = (value: Value | undefined): number | null => (typeof value === 'number' ? value : null)

/** The default and the options are values too. */
function valueProblems(config: ObjectValue, path: Path): Diagnostic[] {
  const asked = askedBy(config)
  if (!asked) return []
  const wrongDefault = asked.default === null ? null : parameterProblem(asked, asked.default, undefined)
  // The options of a multi-select are plain strings; those of any other list are whole lists.
  const single: TemplateParameter = {
    ...asked,
    type: asked.formType === 'multi-select' ? 'string' : asked.type,
    options: [],
    validation: null,
  }
  return [
    ...(wrongDefault ? [problem([...path, 'default'], 'Invalid default', `${wrongDefault.message}.`)] : []),
    ...asked.options.flatMap((option, i) => {
      const wrong = parameterProblem(single, option.value, undefined)
      return wrong ? [problem([...path, 'option', i, 'value'], 'Invalid option', `${wrong.message}.`)] : []
    }),
  ]
}

export const PARAMETER_ENTRY: Entry = { name: 'parameter', kind: 'data', prefixes: 'both', version: 1, block: PARAMETER }
