import type { Attribute, Block } from './template-hcl.ts'

/** Terraform's JSON syntax as the same blocks. Lines are those of the first mention below the block's own. */

type Values = Readonly<Record<string, unknown>>

/** How many names stand between a type of block and its body. */
const LABELS: Readonly<Record<string, number>> = { resource: 2, data: 2, module: 1, variable: 1, output: 1, provider: 1, check: 1 }
const BLOCKS_WITHIN = new Set(['cloud', 'backend', 'required_providers', 'option', 'validation', 'prebuilds'])
const LABELS_WITHIN: Readonly<Record<string, number>> = { backend: 1 }

/** Terraform says what is wrong with a file that is no JSON, and where: here it has no blocks. */
export function readJson(text: string): readonly Block[] {
  const lineAt = lines(text)
  return Object.entries(parsed(text)).flatMap(([type, value]) => {
    const at = Math.max(0, text.indexOf(JSON.stringify(type)))
    return blocksOf({ text, lineAt }, type, value, LABELS[type] ?? 0, [], at)
  })
}

interface Reading {
  readonly text: string
  readonly lineAt: (at: number) => { readonly line: number; readonly column: number }
}

function blocksOf(reading: Reading, type: string, value: unknown, labelsLeft: number, labels: readonly string[], at: number): Block[] {
  if (labelsLeft > 0) {
    return each(value).flatMap((names) =>
      Object.entries(names).flatMap(([name, inner]) =>
        blocksOf(reading, type, inner, labelsLeft - 1, [...labels, name], mention(reading, name, at)),
      ),
    )
  }
  return each(value).map((body) => {
    const attributes = new Map<string, Attribute>()
    const blocks: Block[] = []
    for (const [name, inner] of Object.entries(body)) {
      const place = mention(reading, name, at)
      if (BLOCKS_WITHIN.has(name)) blocks.push(...blocksOf(reading, name, inner, LABELS_WITHIN[name] ?? 0, [], place))
      else attributes.set(name, { text: JSON.stringify(inner), ...reading.lineAt(place) })
    }
    const { line, column } = reading.lineAt(at)
    return { type, labels, line, column, attributes, blocks }
  })
}

function mention({ text }: Reading, name: string, from: number): number {
  const found = text.indexOf(JSON.stringify(name), from)
  return found === -1 ? from : found
}

function lines(text: string): Reading['lineAt'] {
  return (at) => {
    const before = text.slice(0, at)
    return { line: before.split('\n').length, column: at - before.lastIndexOf('\n') }
  }
}

const isObject = (value: unknown): value is Values => typeof value === 'object' && value !== null && !Array.isArray(value)

/** In JSON a block is an object or a list of them. */
const each = (value: unknown): Values[] => (Array.isArray(value) ? value.filter(isObject) : isObject(value) ? [value] : [])

function parsed(text: string): Values {
  try {
    const value: unknown = JSON.parse(text)
    return isObject(value) ? value : {}
  } catch {
    return {}
  }
}
