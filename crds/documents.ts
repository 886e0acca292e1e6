import { isAlias, isCollection, isMap, isPair, isScalar, isSeq, LineCounter, parseAllDocuments } from 'yaml'
import type { Document, Node, Pair, YAMLError } from 'yaml'

/** YAML as people write it, with positions: whatever is wrong with an object can be shown at its line. */

export interface Position {
  readonly line: number
  readonly column: number
}

export interface SourceDocument extends Position {
  readonly object: Readonly<Record<string, unknown>>
  /** Where a field path such as `spec.versions[0].name` is, or the nearest thing around it that is there. */
  positionOf(path: string): Position
}

export interface DocumentProblem extends Position {
  readonly file: string
  readonly message: string
}

export interface Documents {
  readonly documents: readonly SourceDocument[]
  readonly problems: readonly DocumentProblem[]
}

export const DOCUMENT_BYTES_MAX = 3 * 1024 * 1024
export const DOCUMENTS_MAX = 1000
/** An alias may stand for a tree of aliases: a few lines can mean gigabytes. */
const ALIASES_MAX = 100
const PROBLEMS_MAX = 50

/** Never throws: what cannot be read is a problem with its place, and the other documents of the file are still read. */
export function readDocuments(text: string, file: string): Documents {
  const at = (message: string, { line, column }: Position = START): DocumentProblem => ({ file, line, column, message })
  if (Buffer.byteLength(text) > DOCUMENT_BYTES_MAX) {
    return { documents: [], problems: [at(`is larger than ${DOCUMENT_BYTES_MAX / 1024 / 1024} MiB`)] }
  }
  const unread = text.indexOf(REPLACED)
  if (unread >= 0) return { documents: [], problems: [at('is no UTF-8: save the file in that encoding', placeOf(text, unread))] }
  const lines = new LineCounter()
  const documents: SourceDocument[] = []
  const problems: DocumentProblem[] = []
  const parsed = parsedDocuments(text, lines)
  if (typeof parsed === 'string') return { documents: [], problems: [at(parsed)] }
  if (parsed.length > DOCUMENTS_MAX) return { documents: [], problems: [at(`has more than ${DOCUMENTS_MAX} documents`)] }
  for (const document of parsed) {
    const read = readOne(document, lines)
    problems.push(...read.wrong.map(({ message, position }) => at(message, position)))
    documents.push(...read.documents)
  }
  if (documents.length > DOCUMENTS_MAX) return { documents: [], problems: [at(`has more than ${DOCUMENTS_MAX} documents`)] }
  return { documents, problems: problems.slice(0, PROBLEMS_MAX) }
}

const START: Position = { line: 1, column: 1 }

/** What a reader of UTF-8 puts in place of bytes that are none: nobody meant that to be declared. */
const REPLACED = '\uFFFD'

function placeOf(text: string, offset: number): Position {
  const before = text.slice(0, offset).split('\n')
  return { line: before.length, column: (before.at(-1) ?? '').length + 1 }
}

interface Found {
  readonly message: string
  readonly position: Position
}

function parsedDocuments(text: string, lineCounter: LineCounter): readonly Document.Parsed[] | string {
  try {
    const parsed = parseAllDocuments(text, { lineCounter, merge: true, uniqueKeys: false, prettyErrors: false, logLevel: 'silent' })
    return Array.isArray(parsed) ? parsed : []
  } catch (error) {
    return error instanceof RangeError ? 'is nested too deeply' : `cannot be read as YAML: ${String(error)}`
  }
}

interface Read {
  /** Several where it is a list of objects. */
  readonly documents: readonly SourceDocument[]
  readonly wrong: readonly Found[]
}

const NOTHING: Read = { documents: [], wrong: [] }
const bad = (message: string, position: Position): Read => ({ documents: [], wrong: [{ message, position }] })

/** Neither a document nor a problem where there is nothing: a file may end with `---`. */
function readOne(document: Document.Parsed, lines: LineCounter): Read {
  const position = (offset: number | undefined) => positionAt(lines, offset)
  // An unknown tag is a warning to the parser; to us it is a value that would silently be another one.
  const wrong = [...document.errors, ...document.warnings]
  if (wrong.length > 0) {
    return { documents: [], wrong: wrong.map((error) => ({ message: sentence(error), position: position(error.pos[0]) })) }
  }
  const root = document.contents
  if (root === null || (isScalar(root) && root.value === null)) return NOTHING
  const misplaced = nodeProblems(root)
  if (misplaced.length > 0)
    return { documents: [], wrong: misplaced.map(({ message, offset }) => ({ message, position: position(offset) })) }
  const value = plain(document)
  const positionOf = (path: string) => position(offsetOf(root, path))
  return typeof value === 'string' ? bad(value, positionOf('')) : objectsIn(value.object, '', positionOf)
}

/** The object at this path, or the objects of a list such as `kubectl get -o yaml` writes: each is a document of its own. */
function objectsIn(object: unknown, path: string, positionOf: (path: string) => Position): Read {
  const start = positionOf(path)
  if (!isObject(object)) return bad('a document must be an object with apiVersion, kind and metadata', start)
  const { kind, apiVersion, items } = object
  if (typeof kind !== 'string' || !kind.endsWith('List') || !Array.isArray(items)) {
    const within = (field: string) => positionOf([path, field].filter(Boolean).join('.'))
    return { documents: [{ object, ...start, positionOf: within }], wrong: [] }
  }
  // Items of a list of one kind need not repeat what it says of all of them.
  const implied = kind === 'List' ? {} : { apiVersion, kind: kind.slice(0, -'List'.length) }
  const read = items.map((item: unknown, i) =>
    objectsIn(isObject(item) ? { ...implied, ...item } : item, `${path}${path && '.'}items[${i}]`, positionOf),
  )
  return { documents: read.flatMap(({ documents }) => documents), wrong: read.flatMap(({ wrong }) => wrong) }
}

function plain(document: Document.Parsed): { readonly object: unknown } | string {
  try {
    return { object: document.toJS({ maxAliasCount: ALIASES_MAX }) }
  } catch (error) {
    if (error instanceof RangeError) return 'is nested too deeply'
    return error instanceof ReferenceError ? `uses aliases more than ${ALIASES_MAX} times over` : String(error)
  }
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value)

interface NodeProblem {
  readonly message: string
  readonly offset: number | undefined
}

/** Keys given twice and aliases of nothing. The parser's own look for the first compares every key with every other. */
function nodeProblems(root: Node): readonly NodeProblem[] {
  const found: NodeProblem[] = []
  const anchors = new Set<string>()
  const walk = (node: unknown): void => {
    if (isAlias(node)) {
      if (!anchors.has(node.source)) found.push({ message: `there is no anchor &${node.source} before this alias`, offset: startOf(node) })
      return
    }
    if ((isScalar(node) || isCollection(node)) && node.anchor) anchors.add(node.anchor)
    if (isSeq(node)) for (const item of node.items) walk(item)
    if (isMap(node)) walkPairs(node.items)
  }
  const walkPairs = (pairs: readonly Pair<unknown, unknown>[]): void => {
    const seen = new Set<string>()
    for (const { key, value } of pairs) {
      const name = isScalar(key) ? String(key.value) : null
      if (name !== null && seen.has(name)) found.push({ message: `the key ${name} is given twice`, offset: startOf(key) })
      if (name !== null) seen.add(name)
      walk(key)
      walk(value)
    }
  }
  walk(root)
  return found
}

function sentence(error: YAMLError): string {
  if (error.message.includes('call stack')) return 'is nested too deeply'
  switch (error.code) {
    case 'TAB_AS_INDENT':
      return 'a tab cannot indent YAML: use spaces'
    case 'TAG_RESOLVE_FAILED':
      return `tags have no meaning here: ${error.message}`
    default:
      return error.message.replaceAll(/\s+/g, ' ')
  }
}

function positionAt(lines: LineCounter, offset: number | undefined): Position {
  if (offset === undefined) return START
  const { line, col } = lines.linePos(offset)
  // The counter answers line 0 for a file without any line break.
  return line < 1 ? { line: 1, column: offset + 1 } : { line, column: Math.max(col, 1) }
}

/** Where the deepest part of the path that exists begins: the key of a field, the first character of a list's item. */
function offsetOf(root: Node, path: string): number | undefined {
  let node: unknown = root
  let offset = root.range?.[0]
  let rest = path
  while (rest !== '' && isCollection(node)) {
    const step: Step | null = isSeq(node) ? stepIntoList(node.items, rest) : isMap(node) ? stepIntoMap(node.items, rest) : null
    if (!step) break
    offset = step.offset ?? offset
    node = step.node
    rest = step.rest
  }
  return offset
}

interface Step {
  readonly node: unknown
  readonly offset: number | undefined
  readonly rest: string
}

function stepIntoList(items: readonly unknown[], path: string): Step | null {
  const index = /^\.?\[?(\d+)\]?/.exec(path)
  const item = index ? items[Number(index[1])] : undefined
  return index && item !== undefined ? { node: item, offset: startOf(item), rest: path.slice(index[0].length) } : null
}

/** Keys may hold dots (`bothy.dev/paused`), so the longest key that the path goes on with is the one that is meant. */
function stepIntoMap(pairs: readonly Pair<unknown, unknown>[], path: string): Step | null {
  const rest = path.replace(/^\./, '')
  let best: Step | null = null
  let bestLength = -1
  for (const pair of pairs) {
    const key = isPair(pair) && isScalar(pair.key) ? String(pair.key.value) : null
    if (key === null || key.length <= bestLength) continue
    const written = [key, `[${key}]`].find((form) => rest === form || rest.startsWith(`${form}.`) || rest.startsWith(`${form}[`))
    if (written === undefined) continue
    best = { node: pair.value, offset: startOf(pair.key), rest: rest.slice(written.length) }
    bestLength = key.length
  }
  return best
}

const startOf = (node: unknown): number | undefined => (isScalar(node) || isCollection(node) || isAlias(node) ? node.range?.[0] : undefined)
