import { isMap, isScalar, isSeq, parseDocument, type Node, type YAMLMap, type YAMLSeq } from 'yaml'
import { isDeepStrictEqual } from 'node:util'

/**
 * Puts the entries of one kubeconfig into another, by their names. Whatever else is there, comments and order too, stays byte by
 * byte: the text is cut open only where something goes in.
 */

const LISTS = ['clusters', 'users', 'contexts'] as const
type Named = Readonly<Record<string, unknown>> & { readonly name: string }
type Kubeconfig = Readonly<Record<(typeof LISTS)[number], readonly Named[]>> & { readonly 'current-context': string }

interface Edit {
  readonly from: number
  readonly to: number
  readonly text: string
}

/** Throws where the text is no kubeconfig that can be understood, and then nothing is changed. */
export function mergedKubeconfig(text: string, own: string): string {
  const added: Kubeconfig = parseDocument(own).toJS()
  const document = parseDocument(text)
  const problem = document.errors[0]
  if (problem) throw new Error(problem.message)
  const root = document.contents
  if (root !== null && !isMap(root)) throw new Error('it is not an object')
  const before = (document.toJS() ?? {}) as Readonly<Record<string, unknown>>
  const wanted = valuesOf(before, added)
  const merged = root?.flow ? `${JSON.stringify(wanted, null, 2)}\n` : edited(text, editsOf(text, root, before, added))
  const after: unknown = parseDocument(merged).toJS()
  if (!isDeepStrictEqual(after, wanted)) throw new Error('it is written in a way that cannot be added to safely')
  return merged
}

/** What the result must mean. */
function valuesOf(before: Readonly<Record<string, unknown>>, added: Kubeconfig): Readonly<Record<string, unknown>> {
  const values: Record<string, unknown> = { apiVersion: 'v1', kind: 'Config', ...before }
  for (const list of LISTS) {
    const items: unknown[] = Array.isArray(before[list]) ? [...(before[list] as unknown[])] : []
    for (const item of added[list]) {
      const at = items.findIndex((each) => nameOf(each) === item.name)
      items.splice(at === -1 ? items.length : at, at === -1 ? 0 : 1, item)
    }
    values[list] = items
  }
  values['current-context'] = before['current-context'] || added['current-context']
  return values
}

const nameOf = (item: unknown): unknown => (typeof item === 'object' && item !== null && 'name' in item ? item.name : undefined)

function editsOf(text: string, root: YAMLMap | null, before: Readonly<Record<string, unknown>>, added: Kubeconfig): Edit[] {
  const inside: Edit[] = []
  const behind: string[] = []
  for (const list of LISTS) {
    const node = root?.get(list, true)
    const items = added[list].map((item) => blockOf(item, '')).join('')
    if (isSeq(node) && node.items.length > 0) inside.push(...editsOfList(text, node, added[list]))
    else if (root?.has(list)) inside.push(filled(text, root, list, (comment) => `${comment}\n${items.trimEnd()}`))
    else behind.push(`${list}:\n${items}`)
  }
  const name = JSON.stringify(added['current-context'])
  if (before['apiVersion'] === undefined) behind.push('apiVersion: v1\n')
  if (before['kind'] === undefined) behind.push('kind: Config\n')
  if (!root?.has('current-context')) behind.push(`current-context: ${name}\n`)
  else if (!before['current-context']) inside.push(filled(text, root, 'current-context', (comment) => ` ${name}${comment}`))
  return [...inside, { from: text.length, to: text.length, text: behind.join('') }]
}

/** What was empty: from behind the colon to the end of the line, but for a comment. */
function filled(text: string, root: YAMLMap, key: string, by: (comment: string) => string): Edit {
  const pair = root.items.find((each) => isScalar(each.key) && each.key.value === key)
  const from = text.indexOf(':', (pair?.key as Node | undefined)?.range?.[1]) + 1
  const [start = from, end = from] = (pair?.value as Node | undefined)?.range ?? []
  const to = lineEnd(text, start === end ? from : end)
  const comment = text.slice(start === end ? from : end, to).trim()
  return { from, to, text: by(comment === '' ? '' : ` ${comment}`) }
}

function editsOfList(text: string, list: YAMLSeq, added: readonly Named[]): Edit[] {
  const [start = 0, end = 0] = list.range ?? []
  const indent = ' '.repeat(start - (text.lastIndexOf('\n', start - 1) + 1))
  const lastItem = list.items.at(-1) as Node | undefined
  const behind = list.flow ? end - 1 : startOfNext(text, lastItem?.range?.[1] ?? end)
  return added.map((item) => {
    const there = list.items.find((each) => isMap(each) && nameOf(each.toJSON()) === item.name) as YAMLMap | undefined
    const inBlock = blockOf(item, indent)
    if (!there?.range) return { from: behind, to: behind, text: list.flow ? `, ${JSON.stringify(item)}` : inBlock }
    const [from, to] = there.range
    // Its first line begins behind a hyphen that stays, and its last one ends where the one before did.
    const lines = inBlock.slice(indent.length + 2, text[to - 1] === '\n' ? undefined : -1)
    return { from, to, text: list.flow ? JSON.stringify(item) : lines }
  })
}

const lineEnd = (text: string, at: number): number => (text.indexOf('\n', at) === -1 ? text.length : text.indexOf('\n', at))
const startOfNext = (text: string, at: number): number => (text[at - 1] === '\n' ? at : Math.min(text.length, lineEnd(text, at) + 1))

/** One entry of a list; its values are JSON, which YAML is too. */
function blockOf(item: Named, indent: string): string {
  const lines = Object.entries(item).flatMap(([key, value]) =>
    typeof value === 'object' && value !== null ? [`${key}:`].concat(linesOf(value)) : [`${key}: ${JSON.stringify(value)}`],
  )
  return lines.map((line, i) => `${indent}${i === 0 ? '- ' : '  '}${line}\n`).join('')
}

const linesOf = (values: object): string[] => Object.entries(values).map(([key, value]) => `  ${key}: ${JSON.stringify(value)}`)

/** From the end to the beginning, so that no place moves before its turn; what goes to one place keeps its order. */
function edited(text: string, edits: readonly Edit[]): string {
  const whole = text === '' || text.endsWith('\n') ? text : `${text}\n`
  return edits
    .map((edit) => ({
      ...edit,
      from: edit.from === text.length ? whole.length : edit.from,
      to: edit.to === text.length ? whole.length : edit.to,
    }))
    .toReversed()
    .toSorted((a, b) => b.from - a.from)
    .reduce((so, { from, to, text: by }) => so.slice(0, from) + by + so.slice(to), whole)
}
