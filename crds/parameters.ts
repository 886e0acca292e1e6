import { pattern } from './schema/regex.ts'

/** What a template asks of its workspaces, and whether given values answer it. Pure: reconcile, api and cli judge alike. */

export interface ParameterOption {
  readonly name: string
  readonly value: string
  readonly description: string
}

export interface ParameterValidation {
  readonly min: number | null
  readonly max: number | null
  readonly monotonic: 'increasing' | 'decreasing' | null
  readonly regex: string | null
  readonly error: string | null
}

export interface TemplateParameter {
  readonly name: string
  readonly type: 'string' | 'number' | 'bool' | 'list(string)'
  readonly displayName: string
  readonly description: string
  readonly formType: string
  readonly mutable: boolean
  readonly ephemeral: boolean
  readonly required: boolean
  readonly default: string | null
  readonly options: readonly ParameterOption[]
  readonly validation: ParameterValidation | null
  readonly order: number
}

export interface TemplatePreset {
  readonly name: string
  readonly default: boolean
  readonly description: string
  readonly parameters: Readonly<Record<string, string>>
}

export type ParameterRule =
  | 'unknown'
  | 'preset'
  | 'required'
  | 'length'
  | 'type'
  | 'option'
  | 'integer'
  | 'minimum'
  | 'maximum'
  | 'monotonic'
  | 'regex'
  | 'immutable'

export interface ParameterProblem {
  /** The parameter's name; for rule `preset` the preset's. */
  readonly parameter: string
  readonly rule: ParameterRule
  readonly message: string
}

export interface ParametersAsked {
  readonly parameters: readonly TemplateParameter[]
  readonly presets: readonly TemplatePreset[]
  readonly preset: string | null
  readonly explicit: Readonly<Record<string, string>>
  /** Values of the newest successful build; empty before the first. */
  readonly previous: Readonly<Record<string, string>>
  /** What is asked depends on the answers: most of it can only be judged by whoever evaluates the template with them. */
  readonly conditional?: boolean
}

export interface ParametersAnswered {
  readonly values: Readonly<Record<string, string>>
  readonly problems: readonly ParameterProblem[]
}

const VALUE_LENGTH_MAX = 8192
const NAMES_SHOWN_MAX = 10
const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/
const INTEGER = /^[+-]?\d+$/

/** Explicit, else the previous build's (an ephemeral value lives for one build), else the preset's, else the default. */
export function resolveParameters(asked: ParametersAsked): ParametersAnswered {
  if (asked.conditional) return answersAsGiven(asked)
  const preset = asked.presets.find(({ name }) => name === asked.preset)
  const values: Record<string, string> = {}
  const problems = [...presetMissing(asked, preset), ...unknownNames(asked)]
  for (const parameter of asked.parameters) {
    const value =
      own(asked.explicit, parameter.name) ??
      (parameter.ephemeral ? undefined : own(asked.previous, parameter.name)) ??
      own(preset?.parameters ?? {}, parameter.name) ??
      parameter.default ??
      undefined
    const previous = own(asked.previous, parameter.name)
    const problem = value === undefined ? missing(parameter) : parameterProblem(parameter, value, previous)
    if (problem) problems.push(problem)
    if (value !== undefined) define(values, parameter.name, value)
  }
  return { values, problems }
}

/** Nothing is filled in: a default may depend on another answer. Only what no evaluation changes is judged. */
function answersAsGiven(asked: ParametersAsked): ParametersAnswered {
  const preset = asked.presets.find(({ name }) => name === asked.preset)
  const ephemeral = new Set(asked.parameters.filter((parameter) => parameter.ephemeral).map(({ name }) => name))
  const previous = Object.entries(asked.previous).filter(([name]) => !ephemeral.has(name))
  const values: Record<string, string> = {}
  for (const [name, value] of [...Object.entries(preset?.parameters ?? {}), ...previous, ...Object.entries(asked.explicit)])
    define(values, name, value)
  const changed = asked.parameters.flatMap((parameter) => {
    const value = own(values, parameter.name)
    return value === undefined ? [] : (immutableProblem(parameter, value, own(asked.previous, parameter.name)) ?? [])
  })
  const long = Object.entries(values).flatMap(([name, value]) => (value.length > VALUE_LENGTH_MAX ? [tooLong(name)] : []))
  return {
    values,
    problems: [...(asked.preset !== null && asked.presets.length === 0 ? [] : presetMissing(asked, preset)), ...long, ...changed],
  }
}

const tooLong = (name: string): ParameterProblem => ({
  parameter: name,
  rule: 'length',
  message: `parameter "${name}" is longer than ${VALUE_LENGTH_MAX} characters`,
})

function immutableProblem(
  { name, mutable, ephemeral }: TemplateParameter,
  value: string,
  previous: string | undefined,
): ParameterProblem | null {
  if (mutable || ephemeral || previous === undefined || previous === value) return null
  return {
    parameter: name,
    rule: 'immutable',
    message: `parameter "${name}" cannot change after the first build: it is "${shown(previous)}"`,
  }
}

/** The first thing that is wrong with one value, or null. */
export function parameterProblem(parameter: TemplateParameter, value: string, previous: string | undefined): ParameterProblem | null {
  const no = (rule: ParameterRule, message: string): ParameterProblem => ({ parameter: parameter.name, rule, message })
  if (value.length > VALUE_LENGTH_MAX) return tooLong(parameter.name)
  const wrongType = typeProblem(parameter, value)
  if (wrongType) return no('type', wrongType)
  const notOffered = optionProblem(parameter, value)
  if (notOffered) return no('option', notOffered)
  const invalid = parameter.validation && validationProblem(parameter, parameter.validation, value, previous)
  if (invalid) return no(...invalid)
  return immutableProblem(parameter, value, previous)
}

const missing = (parameter: TemplateParameter): ParameterProblem | null =>
  parameter.required ? { parameter: parameter.name, rule: 'required', message: `parameter "${parameter.name}" needs a value` } : null

function presetMissing(asked: ParametersAsked, preset: TemplatePreset | undefined): ParameterProblem[] {
  if (asked.preset === null || preset) return []
  const offered = namesOf(asked.presets)
  const message = `there is no preset "${asked.preset}"; the template has ${offered || 'none'}`
  return [{ parameter: asked.preset, rule: 'preset', message }]
}

function unknownNames(asked: ParametersAsked): ParameterProblem[] {
  const known = new Set(asked.parameters.map(({ name }) => name))
  const offered = namesOf(asked.parameters) || 'none'
  return Object.keys(asked.explicit)
    .filter((name) => !known.has(name))
    .map((name) => ({ parameter: name, rule: 'unknown', message: `there is no parameter "${name}"; the template has ${offered}` }))
}

function namesOf(things: readonly { readonly name: string }[]): string {
  const names = things.slice(0, NAMES_SHOWN_MAX).map(({ name }) => name)
  return [...names, ...(things.length > NAMES_SHOWN_MAX ? ['…'] : [])].join(', ')
}

function typeProblem(parameter: TemplateParameter, value: string): string | null {
  const name = `parameter "${parameter.name}"`
  switch (parameter.type) {
    case 'string':
      return null
    case 'number':
      return NUMBER.test(value) ? null : `${name} must be a number, not "${shown(value)}"`
    case 'bool':
      return value === 'true' || value === 'false' ? null : `${name} must be true or false, not "${shown(value)}"`
    case 'list(string)':
      return stringsOf(value) ? null : `${name} must be a JSON list of strings such as ["a","b"], not "${shown(value)}"`
  }
}

function optionProblem(parameter: TemplateParameter, value: string): string | null {
  if (parameter.options.length === 0) return null
  const offered = new Set(parameter.options.map((option) => option.value))
  // Only a multi-select offers single strings for a list; a radio of lists offers whole lists.
  const chosen = parameter.type === 'list(string)' && parameter.formType === 'multi-select' ? (stringsOf(value) ?? []) : [value]
  const wrong = chosen.find((choice) => !offered.has(choice))
  if (wrong === undefined) return null
  const some = [...offered].slice(0, NAMES_SHOWN_MAX).map((option) => `"${shown(option)}"`)
  return `parameter "${parameter.name}" does not offer "${shown(wrong)}"; it offers ${some.join(', ')}`
}

function validationProblem(
  parameter: TemplateParameter,
  rules: ParameterValidation,
  value: string,
  previous: string | undefined,
): [ParameterRule, string] | null {
  const name = `parameter "${parameter.name}"`
  const told = (text: string): string =>
    rules.error === null
      ? `${name} ${text}`
      : `${name}: ${filled(rules.error, { min: `${rules.min ?? ''}`, max: `${rules.max ?? ''}`, value: shown(value) })}`
  if (parameter.type === 'string' && rules.regex !== null && !regexMatches(rules.regex, value)) {
    return ['regex', told(`must match ${rules.regex}, which "${shown(value)}" does not`)]
  }
  if (parameter.type !== 'number') return null
  // The reference validates integers wherever a validation block exists, though the type alone takes fractions.
  if (!INTEGER.test(value)) return ['integer', `${name} must be a whole number, not "${shown(value)}"`]
  const number = Number(value)
  if (rules.min !== null && number < rules.min) return ['minimum', told(`must be at least ${rules.min}, not ${value}`)]
  if (rules.max !== null && number > rules.max) return ['maximum', told(`must be at most ${rules.max}, not ${value}`)]
  // A previous value that is no number is ignored on purpose: otherwise nothing could repair it.
  if (rules.monotonic === null || previous === undefined || !NUMBER.test(previous)) return null
  const wrongWay = rules.monotonic === 'increasing' ? number < Number(previous) : number > Number(previous)
  return wrongWay ? ['monotonic', told(`may only be ${rules.monotonic}: it was ${previous} and cannot become ${value}`)] : null
}

function regexMatches(source: string, value: string): boolean {
  try {
    return pattern(source).matches(value)
  } catch {
    return false
  }
}

function stringsOf(value: string): readonly string[] | null {
  try {
    const parsed: unknown = JSON.parse(value)
    return Array.isArray(parsed) && parsed.every((item) => typeof item === 'string') ? parsed : null
  } catch {
    return null
  }
}

const filled = (text: string, words: Readonly<Record<'min' | 'max' | 'value', string>>): string =>
  text
    .replaceAll('{min}', () => words.min)
    .replaceAll('{max}', () => words.max)
    .replaceAll('{value}', () => words.value)

const shown = (value: string): string => (value.length > 100 ? `${value.slice(0, 100)}…` : value)

const own = (values: Readonly<Record<string, string>>, name: string): string | undefined =>
  Object.hasOwn(values, name) ? values[name] : undefined

/** `values[name] = value` would change the prototype for the name `__proto__`. */
const define = (values: Record<string, string>, name: string, value: string): void => {
  Object.defineProperty(values, name, { value, enumerable: true, configurable: true, writable: true })
}
