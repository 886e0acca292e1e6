import { isAtHand, kindOfModule, providerAddress } from './sources.ts'
import { literal, type PlacedBlock, type Read } from './template-blocks.ts'

/** Something a template asks for, and where. */
export interface Need {
  readonly source: string
  /** `file:line:column` */
  readonly at: string
}

/**
 * What must be fetched before terraform can read a template, by the template's own words. A first look, for clear refusals and
 * for knowing whether anything is to be fetched at all: terraform's configuration and what it fetched have the last word.
 */
export interface Needs {
  /** Full addresses, ours and built-in ones aside. */
  readonly providers: readonly Need[]
  readonly remoteModules: readonly Need[]
  /** Any `module` block: terraform wants to have seen it before it builds. */
  readonly hasModules: boolean
}

export const isNothing = ({ providers, hasModules }: Needs): boolean => providers.length === 0 && !hasModules

export function needsOf({ parts }: Read): Needs {
  const providers = new Map<string, Need>()
  for (const { blocks } of parts) {
    for (const need of providersOf(blocks)) if (!providers.has(need.source)) providers.set(need.source, need)
  }
  const modules = parts.flatMap(({ blocks }) => blocks.filter(({ type }) => type === 'module'))
  const sources = modules.map((block): Need => {
    const source = block.attributes.get('source')
    return { source: literal(source?.text) ?? '', at: placeOf(block, source) }
  })
  return {
    providers: [...providers.values()],
    remoteModules: sources.filter(({ source }) => source !== '' && kindOfModule(source) !== 'local'),
    hasModules: modules.length > 0,
  }
}

/** Of one module: what its local names stand for; a name that nobody explains is one of HashiCorp's. */
function providersOf(blocks: readonly PlacedBlock[]): Need[] {
  const required = new Map(blocks.filter(({ type }) => type === 'terraform').flatMap(requiredIn))
  const used = new Map<string, string>()
  for (const block of blocks) {
    const name = localName(block)
    if (name !== null && name !== 'terraform' && !required.has(name) && !used.has(name)) used.set(name, placeOf(block))
  }
  const needs = [...required.values(), ...[...used].map(([source, at]): Need => ({ source, at }))]
  return needs.flatMap(({ source, at }) => {
    const address = providerAddress(source)
    return address === null || isAtHand(address) ? [] : [{ source: address, at }]
  })
}

const SOURCE = /(?:^|[\s{,])"?source"?\s*[=:]\s*("(?:[^"\\]|\\.)*")/

function requiredIn(block: PlacedBlock): [string, Need][] {
  return block.blocks
    .filter(({ type }) => type === 'required_providers')
    .flatMap(({ attributes }) => Array.from(attributes))
    .map(([name, attribute]) => {
      // `name = "~> 1.0"`, as it was written before sources, is one of HashiCorp's.
      const source = literal(SOURCE.exec(attribute.text)?.[1]) ?? name
      return [name, { source, at: placeOf(block, attribute) }]
    })
}

/** `provider = acme.west` in a block wins over the prefix of its type. */
function localName({ type, labels, attributes }: PlacedBlock): string | null {
  if (type === 'provider') return labels[0] ?? null
  if (!/^(resource|data|ephemeral)$/.test(type)) return null
  const given = /^"?(?:\$\{)?([A-Za-z][\w-]*)/.exec(attributes.get('provider')?.text ?? '')?.[1]
  return given ?? labels[0]?.split('_')[0] ?? null
}

const placeOf = (block: PlacedBlock, part: Pick<PlacedBlock, 'line' | 'column'> = block): string =>
  `${block.path}:${part.line}:${part.column}`
