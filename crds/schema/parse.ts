import { Refused } from '../../controller/kernel/errors.ts'
import { shortened } from './decode.ts'

/**
 * A body as it arrives: JSON, with the paths of fields that are given twice, of which the last one counts. Throws
 * `Refused('BadRequest')` where it is no JSON, nested too deeply, or has a number that no machine can hold.
 */
export interface ParsedJson {
  readonly value: unknown
  readonly duplicates: readonly string[]
}

/** Everything that walks an object recurses; a body of brackets alone must not reach it. */
export const JSON_DEPTH_MAX = 100
/** Each costs some time wherever the object is walked: what nobody declares by hand is not worth holding up everybody. */
export const JSON_VALUES_MAX = 20_000
const DUPLICATES_MAX = 100

export function parseJson(text: string): ParsedJson {
  // First: to read a million brackets takes JSON.parse longer than anybody may be held up.
  const duplicates = duplicatesOf(text)
  return { value: parsed(text), duplicates }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new Refused('BadRequest', `the body is no JSON: ${error instanceof Error ? error.message : String(error)}`)
  }
}

interface Level {
  /** null: a list. */
  readonly names: Set<string> | null
  /** The field or the item that is being read. */
  at: string
  index: number
}

/** In a text that is JSON a quote begins a string, and what comes before `:` is a name; of any other nothing here is of use. */
function duplicatesOf(text: string): readonly string[] {
  const levels: Level[] = []
  const found = new Set<string>()
  let level: Level | undefined
  let values = 1
  let opened = 0
  for (let at = 0; at < text.length; at += 1) {
    switch (text.charCodeAt(at)) {
      case QUOTE: {
        const end = endOfString(text, at)
        if (level?.names && isName(text, end)) nameAt(text.slice(at, end + 1), levels, level, found)
        at = end
        break
      }
      case OPEN_OBJECT:
      case OPEN_LIST:
        level = { names: text.charCodeAt(at) === OPEN_OBJECT ? new Set() : null, at: '', index: 0 }
        levels.push(level)
        opened += 1
        if (levels.length > JSON_DEPTH_MAX) throw new Refused('BadRequest', `the body is nested deeper than ${JSON_DEPTH_MAX} levels`)
        if (opened > JSON_VALUES_MAX) throw tooManyValues('objects and lists')
        break
      case CLOSE_OBJECT:
      case CLOSE_LIST:
        levels.pop()
        level = levels.at(-1)
        break
      case COMMA:
        values += 1
        if (values > JSON_VALUES_MAX) throw tooManyValues('values')
        if (level?.names === null) level.index += 1
        break
      default:
        if (isDigit(text.charCodeAt(at))) at = endOfNumber(text, at)
    }
  }
  return [...found]
}

const tooManyValues = (what: string): Refused => new Refused('RequestEntityTooLarge', `the body has more than ${JSON_VALUES_MAX} ${what}`)

const [QUOTE, BACKSLASH, COMMA, COLON] = [0x22, 0x5c, 0x2c, 0x3a]
const [OPEN_OBJECT, CLOSE_OBJECT, OPEN_LIST, CLOSE_LIST] = [0x7b, 0x7d, 0x5b, 0x5d]

const isDigit = (code: number): boolean => code >= 0x30 && code <= 0x39

function endOfString(text: string, start: number): number {
  let end = start
  do end = text.indexOf('"', end + 1)
  while (end >= 0 && isEscaped(text, end))
  return end < 0 ? text.length : end
}

function isEscaped(text: string, at: number): boolean {
  let backslashes = 0
  while (text.charCodeAt(at - 1 - backslashes) === BACKSLASH) backslashes += 1
  return backslashes % 2 === 1
}

function isName(text: string, end: number): boolean {
  let next = end + 1
  while (text.charCodeAt(next) <= 0x20) next += 1
  return text.charCodeAt(next) === COLON
}

function nameAt(quoted: string, levels: readonly Level[], level: Level, found: Set<string>): void {
  const name = quoted.includes('\\') ? String(parsed(quoted)) : quoted.slice(1, -1)
  level.at = name
  if (level.names?.has(name) && found.size < DUPLICATES_MAX) found.add(pathOf(levels))
  level.names?.add(name)
}

function pathOf(levels: readonly Level[]): string {
  let path = ''
  for (const { names, at, index } of levels) path += names ? (path === '' ? shortened(at) : `.${shortened(at)}`) : `[${index}]`
  return path
}

/** `1e400`: JavaScript would make Infinity of it, which no JSON can say again. Answers where the number ends. */
function endOfNumber(text: string, start: number): number {
  let end = start + 1
  let mayBeLarge = false
  for (; isInNumber(text.charCodeAt(end)); end += 1) mayBeLarge ||= !isDigit(text.charCodeAt(end))
  mayBeLarge ||= end - start > DIGITS_OF_EVERY_NUMBER
  if (mayBeLarge && Number(text.slice(start, end)) === Number.POSITIVE_INFINITY) {
    throw new Refused('BadRequest', `the body has a number that is too large: ${text.slice(start, end).slice(0, 24)}`)
  }
  return end - 1
}

const DIGITS_OF_EVERY_NUMBER = 300
const isInNumber = (code: number): boolean => isDigit(code) || IN_NUMBER.has(code)
const IN_NUMBER: ReadonlySet<number> = new Set(['-', '+', '.', 'e', 'E'].map((character) => character.charCodeAt(0)))
