import { reading } from './cel-budget.ts'
import type { CelFunction } from './cel-function.ts'
import { Fault } from './cel-values.ts'
import { pattern } from './regex.ts'

/** Texts in rules: positions count characters, whatever their width, and a pattern needs time linear in the text. */

const charactersIn = (text: string): bigint => {
  let count = 0n
  for (const _ of text) count += 1n
  return count
}

const outOfRange = (index: bigint): Fault => new Fault(`index out of range: ${index}`)

function substring(text: string, from: bigint, to?: bigint): string {
  const characters = [...reading(text)]
  const end = to ?? BigInt(characters.length)
  if (end < 0 || end > characters.length) throw outOfRange(end)
  if (from < 0 || from > characters.length) throw outOfRange(from)
  if (from > end) throw new Fault(`invalid substring range. start: ${from}, end: ${end}`)
  return characters.slice(Number(from), Number(end)).join('')
}

function charAt(text: string, index: bigint): string {
  const characters = [...reading(text)]
  if (index < 0 || index > characters.length) throw outOfRange(index)
  return characters[Number(index)] ?? ''
}

function indexOf(text: string, part: string, from = 0n): bigint {
  if (part === '') return from
  if (from < 0) throw outOfRange(from)
  const rest = [...reading(text)].slice(Number(from)).join('')
  const at = rest.indexOf(part)
  return at < 0 ? -1n : from + charactersIn(rest.slice(0, at))
}

function lastIndexOf(text: string, part: string, until?: bigint): bigint {
  const characters = [...reading(text)]
  if (part === '') return until ?? BigInt(characters.length)
  if (until !== undefined && until < 0) throw outOfRange(until)
  if (until !== undefined && until >= characters.length) return -1n
  const end = until === undefined ? characters.length : Number(until) + [...part].length
  const before = characters.slice(0, end).join('')
  const at = before.lastIndexOf(part)
  return at < 0 ? -1n : charactersIn(before.slice(0, at))
}

/** An empty part stands between every two characters, and at both ends. */
function replace(text: string, part: string, by: string, times = -1n): string {
  const pieces = part === '' ? ['', ...reading(text), ''] : reading(text).split(part)
  const glue = times < 0 ? pieces.length : Math.min(Number(times), pieces.length)
  const result = pieces.map((piece, index) => (index === 0 ? piece : `${index <= glue ? by : part}${piece}`)).join('')
  return reading(result)
}

function split(text: string, separator: string, limit = -1n): readonly string[] {
  if (limit === 0n) return []
  const parts = separator === '' ? [...reading(text)] : reading(text).split(separator)
  if (limit < 0 || parts.length <= limit) return parts
  const kept = Number(limit) - 1
  return [...parts.slice(0, kept), parts.slice(kept).join(separator)]
}

const SPACE = '[\\t\\n\\v\\f\\r \\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]+'
const SPACE_BEFORE = new RegExp(`^${SPACE}`)
const SPACE_AFTER = new RegExp(`(?<!${SPACE.slice(0, -1)})${SPACE}$`)
const trim = (text: string): string => reading(text).replace(SPACE_BEFORE, '').replace(SPACE_AFTER, '')

const lowerAscii = (text: string): string => reading(text).replaceAll(/[A-Z]+/g, (part) => part.toLowerCase())
const upperAscii = (text: string): string => reading(text).replaceAll(/[a-z]+/g, (part) => part.toUpperCase())
const join = (texts: readonly string[], separator = ''): string => reading(texts.join(separator))
const matches = (text: string, source: string): boolean => compiled(source).matches(reading(text))
const find = (text: string, source: string): string => compiled(source).find(reading(text))
const findAll = (text: string, source: string, limit = -1n): readonly string[] => compiled(source).findAll(reading(text), Number(limit))

function compiled(source: string): ReturnType<typeof pattern> {
  try {
    return pattern(source)
  } catch {
    throw new Fault(`error parsing regexp: ${source}`)
  }
}

export const TEXT_FUNCTIONS: readonly CelFunction[] = [
  { name: 'string.contains', takes: ['string'], gives: 'bool', call: (text: string, part: string) => reading(text).includes(part) },
  { name: 'string.matches', takes: ['string'], gives: 'bool', call: matches },
  { name: 'string.find', takes: ['string'], gives: 'string', call: find },
  { name: 'string.findAll', takes: ['string'], gives: 'list<string>', call: findAll },
  { name: 'string.findAll', takes: ['string', 'int'], gives: 'list<string>', call: findAll },
  { name: 'string.substring', takes: ['int'], gives: 'string', call: substring },
  { name: 'string.substring', takes: ['int', 'int'], gives: 'string', call: substring },
  { name: 'string.charAt', takes: ['int'], gives: 'string', call: charAt },
  { name: 'string.indexOf', takes: ['string'], gives: 'int', call: indexOf },
  { name: 'string.indexOf', takes: ['string', 'int'], gives: 'int', call: indexOf },
  { name: 'string.lastIndexOf', takes: ['string'], gives: 'int', call: lastIndexOf },
  { name: 'string.lastIndexOf', takes: ['string', 'int'], gives: 'int', call: lastIndexOf },
  { name: 'string.replace', takes: ['string', 'string'], gives: 'string', call: replace },
  { name: 'string.replace', takes: ['string', 'string', 'int'], gives: 'string', call: replace },
  { name: 'string.split', takes: ['string'], gives: 'list<string>', call: split },
  { name: 'string.split', takes: ['string', 'int'], gives: 'list<string>', call: split },
  { name: 'string.trim', takes: [], gives: 'string', call: trim },
  { name: 'string.lowerAscii', takes: [], gives: 'string', call: lowerAscii },
  { name: 'string.upperAscii', takes: [], gives: 'string', call: upperAscii },
  { name: 'list<string>.join', takes: [], gives: 'string', call: join },
  { name: 'list<string>.join', takes: ['string'], gives: 'string', call: join },
]
