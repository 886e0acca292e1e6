import { pattern } from '../../crds/schema/regex.ts'
import { isObject, isUnknown, type ObjectValue, type Value } from '../wire/values.ts'
import type { Diagnostic, Path, Rule } from './model.ts'

/** Rules about one value. Each answers null for what it is content with, and for what it is not about. */

const shown = (value: Value): string => JSON.stringify(typeof value === 'string' && value.length > 100 ? `${value.slice(0, 100)}…` : value)

const saying = (says: string, rule: (value: Value) => string | null): Rule => Object.assign(rule, { says })

const code = (text: string): string => `\`${text}\``

export const oneOf = (...allowed: readonly string[]): Rule =>
  saying(allowed.map(code).join(', '), (value) =>
    typeof value === 'string' && !allowed.includes(value) ? `must be one of ${allowed.map(shown).join(', ')}, not ${shown(value)}` : null,
  )

export const matching = (source: string, hint: string): Rule =>
  saying(hint, (value) =>
    typeof value === 'string' && !pattern(source).matches(value) ? `must be ${hint} (${source}), not ${shown(value)}` : null,
  )

export const atMost = (length: number): Rule =>
  saying(`at most ${length} characters`, (value) =>
    typeof value === 'string' && value.length > length ? `must have at most ${length} characters, not ${value.length}` : null,
  )

export const notEmpty: Rule = saying('not empty', (value) => (value === '' ? 'must not be empty' : null))

export const whole: Rule = saying('whole', (value) =>
  typeof value === 'number' && !Number.isInteger(value) ? `must be a whole number, not ${value}` : null,
)

export const between = (min: number, max: number): Rule =>
  saying(max === Infinity ? `at least ${min}` : `${min} to ${max}`, (value) =>
    typeof value !== 'number' || (value >= min && value <= max)
      ? null
      : max === Infinity
        ? `must be at least ${min}, not ${value}`
        : `must be between ${min} and ${max}, not ${value}`,
  )

const ESCAPE = /%(?![0-9a-fA-F]{2})/
const SCHEME = /^[a-zA-Z][a-zA-Z0-9+.-]*:/

/** Only what no parser of urls takes is wrong: empty text, `/icon/x.svg` and file paths are all fine. */
export const url: Rule = saying('a URL', urlProblem)

function urlProblem(value: Value): string | null {
  if (typeof value !== 'string') return null
  const parses =
    !hasControlCharacter(value) &&
    !ESCAPE.test(value) &&
    !value.startsWith(':') &&
    (SCHEME.test(value) ? URL.canParse(value) : URL.canParse(value, 'http://host/'))
  return parses ? null : `must be a url, not ${shown(value)}`
}

const hasControlCharacter = (text: string): boolean =>
  Array.from(text).some((character) => (character.codePointAt(0) ?? 0) < 0x20 || character === '\u007f')

export const json: Rule = saying('JSON', jsonProblem)

function jsonProblem(value: Value): string | null {
  if (typeof value !== 'string') return null
  try {
    JSON.parse(value)
    return null
  } catch {
    return `must be JSON, not ${shown(value)}`
  }
}

export const ENVIRONMENT_NAME = '^[a-zA-Z_][a-zA-Z0-9_]*$'

/** Keys of a map that become environment variables. */
export const namesOfVariables: Rule = (value) => {
  if (!isObject(value)) return null
  const wrong = Object.keys(value).find((name) => !pattern(ENVIRONMENT_NAME).matches(name))
  return wrong === undefined ? null : `must have names of variables (${ENVIRONMENT_NAME}), not ${shown(wrong)}`
}

/* Checks: about several values of one block. */

export const problem = (path: Path, summary: string, detail = ''): Diagnostic => ({ severity: 'error', summary, detail, path })
export const warning = (path: Path, summary: string, detail = ''): Diagnostic => ({ severity: 'warning', summary, detail, path })

/** Given in the configuration. An unknown value counts: whatever it becomes, somebody wrote it. */
export const given = (config: ObjectValue, name: string): boolean => {
  const value = config[name] ?? null
  return Array.isArray(value) ? value.length > 0 : value !== null
}

export const conflicts = (config: ObjectValue, path: Path, name: string, others: readonly string[]): Diagnostic[] =>
  given(config, name)
    ? others
        .filter((other) => given(config, other))
        .map((other) => problem([...path, name], `Conflicting configuration`, `"${name}" cannot be given together with "${other}".`))
    : []

/** Items of a nested block or of a collection; none while it is unknown. */
export const itemsOf = (config: ObjectValue, name: string): readonly ObjectValue[] => {
  const value = config[name]
  return Array.isArray(value) ? value.filter(isObject) : []
}

/** One problem for each item whose value another before it already has. */
export function repeated(config: ObjectValue, path: Path, block: string, name: string): Diagnostic[] {
  const seen = new Set<Value>()
  return itemsOf(config, block).flatMap((item, i) => {
    const value = item[name] ?? null
    if (value === null || isUnknown(value)) return []
    if (!seen.has(value)) return (seen.add(value), [])
    return [
      problem(
        [...path, block, i, name],
        `Repeated ${block}`,
        `Each ${block} needs its own ${name}; ${shown(value)} is there more than once.`,
      ),
    ]
  })
}
