import { RE2JS } from 're2js'

/**
 * The one door to regular expressions that come from data. RE2 needs time linear in the text: a JavaScript RegExp can be
 * made to hang the process by one pattern such as `^(a+)+$`.
 */
export interface Pattern {
  /** Unanchored, as in Go: somewhere in the text. */
  matches(text: string): boolean
  /** The first part that matches, or nothing. */
  find(text: string): string
  /** The parts that match, one after another; a negative limit is none. */
  findAll(text: string, limit: number): readonly string[]
}

const PATTERN_LENGTH_MAX = 4096
const CACHE_MAX = 500
const cache = new Map<string, Pattern>()

/**
 * From the beginning to the end one class of plain characters, and a few more: means the same to JavaScript, whose own engine
 * needs linear time for it too, and a twentieth of it. A megabyte of base64 is looked at by such a one.
 */
const RUN = /^\^\[[A-Za-z0-9+/_.-]+\][*+](?:=\{\d,\d\})?\$$/

/** Throws where the text is no RE2 expression. */
export function pattern(source: string): Pattern {
  const known = cache.get(source)
  if (known) return known
  if (source.length > PATTERN_LENGTH_MAX) throw new Error(`a pattern may have ${PATTERN_LENGTH_MAX} characters`)
  const compiled = RE2JS.compile(source)
  const run = RUN.test(source) ? new RegExp(source) : null
  const made: Pattern = {
    matches: run ? (text) => run.test(text) : (text) => compiled.matcher(text).find(),
    find(text) {
      const matcher = compiled.matcher(text)
      return matcher.find() ? (matcher.group() ?? '') : ''
    },
    findAll(text, limit) {
      const matcher = compiled.matcher(text)
      const found: string[] = []
      const most = limit < 0 ? Infinity : limit
      for (let count = 0; count < most && matcher.find(); count += 1) found.push(matcher.group() ?? '')
      return found
    },
  }
  if (cache.size >= CACHE_MAX) cache.clear()
  cache.set(source, made)
  return made
}
