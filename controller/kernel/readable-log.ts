import { fromIso } from './clock.ts'
import type { Level, Line } from './log.ts'
import { plain } from './plain.ts'

/** A log for whoever sits before it: the time of their own clock, a sentence, and what else is known. Programs and files get JSON. */
export const asText =
  (write: (line: string) => void) =>
  (line: Line): void => {
    for (const each of saidIn(line) ?? [line]) write(`${textOf(each)}\n`)
  }

/** A process of ours says lines of its own log through us; null: whoever spoke is no such. */
function saidIn({ at, level, fields }: Line): readonly Line[] | null {
  const { text } = fields
  if (typeof text !== 'string' || !text.split('\n').some(lineIn)) return null
  return text.split('\n').map((each) => lineIn(each) ?? { at, level, message: each, fields: {} })
}

function lineIn(text: string): Line | null {
  try {
    const { at, level, message, ...fields } = JSON.parse(text) as Readonly<Record<string, unknown>>
    const instant = typeof at === 'string' ? fromIso(at) : null
    if (instant === null || !isLevel(level) || typeof message !== 'string') return null
    return { at: instant, level, message, fields }
  } catch {
    return null
  }
}

const isLevel = (value: unknown): value is Level => value === 'debug' || value === 'info' || value === 'warn' || value === 'error'

const LEVELS: Readonly<Record<Level, string>> = { debug: '', info: '', warn: 'warning: ', error: 'error: ' }

function textOf({ at, level, message, fields }: Line): string {
  const known = Object.entries(fields).flatMap(([name, value]) => {
    const shown = shownValue(value)
    return shown === '' ? [] : [`${name}=${shown}`]
  })
  const sentence = `${new Date(at).toTimeString().slice(0, 8)}  ${LEVELS[level]}${message}`
  return plain(known.length === 0 ? sentence : `${sentence}   ${known.join(' ')}`).replaceAll(/\s*\n\s*/g, ' ')
}

function shownValue(value: unknown): string {
  if (value === undefined || value === null || value === '') return ''
  if (typeof value === 'string') return /[\s"=]/.test(value) ? JSON.stringify(value) : value
  // Of an error what it says: where in our program it was is in the file.
  if (typeof value === 'object' && 'stack' in value && 'message' in value) return shownValue(value.message)
  return JSON.stringify(value)
}
