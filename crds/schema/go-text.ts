import { isJsonObject, own } from './types.ts'

/** Values as the API server writes them into messages: what Go's printing makes of them. */

/** As `%q`: quotes, backslashes and whatever cannot be printed are escaped. */
export const goQuoted = (text: string): string => `"${text.replaceAll(/["\\]|[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/gu, escapedCharacter)}"`

const SHORT: Readonly<Record<string, string>> = {
  '"': '\\"',
  '\\': '\\\\',
  '\u0007': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
}

function escapedCharacter(character: string): string {
  const short = SHORT[character]
  if (short !== undefined) return short
  const code = character.codePointAt(0) ?? 0
  const hex = code.toString(16)
  if (code < 0x80) return `\\x${hex.padStart(2, '0')}`
  return code > 0xffff ? `\\U${hex.padStart(8, '0')}` : `\\u${hex.padStart(4, '0')}`
}

/** Powers of ten from which on, and below which, an exponent is written. */
const EXPONENT = { from: 6, below: -4 }

/** As `%v`: whole numbers that JSON could carry exactly were integers there, everything else is a float64. */
export function goNumber(value: number): string {
  return Number.isSafeInteger(value) ? String(value) : goFloat(value)
}

/** As `%v` of a float64: the shortest digits that mean it. */
export function goFloat(value: number): string {
  const [digits = '', exponent = '0'] = value.toExponential().split('e')
  const power = Number(exponent)
  if (power >= EXPONENT.below && power < EXPONENT.from) return String(value)
  const size = String(Math.abs(power)).padStart(2, '0')
  return `${digits}e${power < 0 ? '-' : '+'}${size}`
}

const HTML: Readonly<Record<string, string>> = { '<': '\\u003c', '>': '\\u003e', '&': '\\u0026', '\u2028': '\\u2028', '\u2029': '\\u2029' }

/** As `json.Marshal`: fields in order of name, and nothing that HTML would take for itself. */
export const goJson = (value: unknown): string =>
  JSON.stringify(sorted(value) ?? null).replaceAll(/[<>&\u2028\u2029]/g, (character) => HTML[character] ?? character)

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (!isJsonObject(value)) return value
  // Entries keep a name like `__proto__` a name.
  return Object.fromEntries(
    Object.keys(value)
      .toSorted()
      .map((name) => [name, sorted(own(value, name))]),
  )
}

/** As the body of an error writes what was wrong. */
export function goValue(value: unknown): string {
  if (typeof value === 'string') return goQuoted(value)
  if (typeof value === 'number') return goNumber(value)
  return typeof value === 'boolean' ? String(value) : goJson(value)
}
