/** A small reader of Terraform's language: which blocks there are, where, and what their attributes say as text. Evaluates nothing. */

export interface Attribute {
  /** The expression as it is written, comments taken out. */
  readonly text: string
  readonly line: number
  readonly column: number
}

export interface Block {
  readonly type: string
  readonly labels: readonly string[]
  readonly line: number
  readonly column: number
  readonly attributes: ReadonlyMap<string, Attribute>
  readonly blocks: readonly Block[]
}

/** What each character belongs to. */
const CODE = 0
const COMMENT = 1
const TEXT = 2

interface Reading {
  readonly text: string
  readonly kinds: Uint8Array
  /** Without comments, of the same length. */
  readonly said: string
  readonly lineStarts: readonly number[]
  at: number
}

const DEPTH_MAX = 64

/** What it cannot make sense of it steps over: what is wrong with a file is said by terraform. */
export function readHcl(text: string): readonly Block[] {
  const lineStarts = [0, ...[...text.matchAll(/\n/g)].map(({ index }) => index + 1)]
  const kinds = kindsOf(text)
  return bodyOf({ text, kinds, said: masked(text, kinds, (kind) => kind === COMMENT), lineStarts, at: 0 }, 0).blocks
}

type Body = Pick<Block, 'attributes' | 'blocks'>

const NAME = /[A-Za-z_][\w-]*/y

function bodyOf(reading: Reading, depth: number): Body {
  const attributes = new Map<string, Attribute>()
  const blocks: Block[] = []
  for (;;) {
    skipBlank(reading)
    const { at, text } = reading
    if (at >= text.length || text[at] === '}') break
    const name = nameAt(reading)
    if (name === null) reading.at += 1
    else {
      const place = placeOf(reading, at)
      const labels = labelsOf(reading)
      const next = text[reading.at]
      if (next === '{' && depth < DEPTH_MAX) {
        reading.at += 1
        const body = bodyOf(reading, depth + 1)
        reading.at += 1
        blocks.push({ type: name, labels, ...place, ...body })
      } else if (next === '=' && labels.length === 0) {
        reading.at += 1
        attributes.set(name, { text: expression(reading), ...place })
      }
    }
  }
  return { attributes, blocks }
}

function labelsOf(reading: Reading): string[] {
  const labels: string[] = []
  for (;;) {
    skipSpaces(reading)
    if (reading.text[reading.at] === '"') {
      const end = endOfString(reading.text, reading.at)
      labels.push(reading.text.slice(reading.at + 1, end - 1))
      reading.at = end
    } else {
      const name = nameAt(reading)
      if (name === null) return labels
      labels.push(name)
    }
  }
}

/** Up to the end of its line, or of whatever bracket it opened. */
function expression(reading: Reading): string {
  const { kinds, text, said } = reading
  const start = reading.at
  let depth = 0
  for (; reading.at < text.length; reading.at += 1) {
    if (kinds[reading.at] !== CODE) continue
    const each = text[reading.at] ?? ''
    if ('([{'.includes(each)) depth += 1
    else if (')]}'.includes(each) && (depth -= 1) < 0) break
    else if (each === '\n' && depth === 0) break
  }
  return said.slice(start, reading.at).trim()
}

function skipBlank(reading: Reading): void {
  const { text, kinds } = reading
  while (reading.at < text.length && (/\s/.test(text[reading.at] ?? '') || kinds[reading.at] === COMMENT)) reading.at += 1
}

function skipSpaces(reading: Reading): void {
  const { text, kinds } = reading
  while (reading.at < text.length && (/[ \t\r]/.test(text[reading.at] ?? '') || kinds[reading.at] === COMMENT)) reading.at += 1
}

function nameAt(reading: Reading): string | null {
  if (reading.kinds[reading.at] !== CODE) return null
  NAME.lastIndex = reading.at
  const found = NAME.exec(reading.text)
  if (!found) return null
  reading.at = NAME.lastIndex
  return found[0]
}

function placeOf({ lineStarts }: Reading, at: number): { readonly line: number; readonly column: number } {
  let [low, high] = [0, lineStarts.length - 1]
  while (low < high) {
    const middle = Math.ceil((low + high) / 2)
    if ((lineStarts[middle] ?? 0) <= at) low = middle
    else high = middle - 1
  }
  return { line: low + 1, column: at - (lineStarts[low] ?? 0) + 1 }
}

const COMMENTS = /#[^\n]*|\/\/[^\n]*|\/\*[\s\S]*?(?:\*\/|$)/y
const HEREDOC = /<<-?([A-Za-z_][\w-]*)\r?\n[\s\S]*?(?:\n[ \t]*\1(?=\s|$)|$)/y

/** The same text with comments, strings and heredocs blanked out, so that every brace that is left is code, in its place. */
export const withoutText = (text: string): string => masked(text, kindsOf(text), () => true)

function masked(text: string, kinds: Uint8Array, hides: (kind: number) => boolean): string {
  return text
    .split('')
    .map((each, i) => (kinds[i] !== CODE && hides(kinds[i] ?? CODE) && each !== '\n' ? ' ' : each))
    .join('')
}

function kindsOf(text: string): Uint8Array {
  const kinds = new Uint8Array(text.length)
  for (let i = 0; i < text.length;) {
    const comment = endOf(COMMENTS, text, i)
    const end = comment ?? (text[i] === '"' ? endOfString(text, i) : endOf(HEREDOC, text, i))
    if (end !== null) kinds.fill(comment === null ? TEXT : COMMENT, i, end)
    i = Math.max(end ?? 0, i + 1)
  }
  return kinds
}

function endOf(pattern: RegExp, text: string, at: number): number | null {
  pattern.lastIndex = at
  return pattern.test(text) ? pattern.lastIndex : null
}

/** Strings hold `${…}`, which holds strings: braces and quotes are followed to any depth. */
function endOfString(text: string, at: number): number {
  const open: ('"' | '{')[] = ['"']
  let i = at + 1
  for (; i < text.length && open.length > 0; i += 1) {
    const inString = open.at(-1) === '"'
    if (inString && text[i] === '\\') i += 1
    else if (text[i] === '"' && inString) open.pop()
    else if (text[i] === '"') open.push('"')
    else if (inString ? (text[i] === '$' || text[i] === '%') && text[i + 1] === '{' : text[i] === '{') {
      open.push('{')
      if (inString) i += 1
    } else if (!inString && text[i] === '}') open.pop()
  }
  return i
}
