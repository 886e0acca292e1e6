import { contentOf, type TemplateFile } from '../../crds/files.ts'
import { sha256 } from '../kernel/names.ts'
import type { VersionFacts } from '../store/records.ts'
import { configured } from '../kernel/addresses.ts'
import type { Said } from './output.ts'
import { literal, type PlacedBlock, type Read } from './template-blocks.ts'
import { readHcl, type Block } from './template-hcl.ts'

/** What is known of a version once its files were read and both of its plans were made. Pure. */

type Planned = NonNullable<Said['planned']>

export interface Seen {
  readonly files: readonly TemplateFile[]
  readonly read: Read
  readonly start: readonly Planned[]
  readonly stop: readonly Planned[]
  readonly tags: Readonly<Record<string, string>>
  readonly prebuilds: Readonly<Record<string, number>>
}

const ADDRESSES_MAX = 5000
const LOCK_FILE = '.terraform.lock.hcl'

export function factsOf({ files, read, start, stop, tags, prebuilds }: Seen): VersionFacts {
  const stays = new Set(stop.filter(isMade).map(({ address }) => configured(address)))
  const made = [...new Set(start.filter(isMade).map(({ address }) => configured(address)))].toSorted().slice(0, ADDRESSES_MAX)
  const lock = files.find(({ path }) => path === LOCK_FILE)
  const providers = providersOf(read, lock)
  return {
    persistent: made.filter((address) => stays.has(address)),
    ephemeral: made.filter((address) => !stays.has(address)),
    tags,
    providers,
    modules: read.modules,
    agents: agentsIn(start).map(({ name }) => name),
    batchable: isBatchable(read, providers),
    lock: lock ? `sha256:${sha256(contentOf(lock))}` : null,
    conditional: isConditional(read),
    prebuilds,
  }
}

const isMade = ({ action, address }: Planned): boolean => (action === 'create' || action === 'replace') && !/(^|\.)data\./.test(address)

export const agentsIn = (planned: readonly Planned[]): readonly Planned[] =>
  planned.filter((each) => isMade(each) && /^(coder|bothy)_agent$/.test(each.type))

const REGISTRY = /^registry\.(terraform\.io|opentofu\.org)\//

function providersOf({ parts }: Read, lock: TemplateFile | undefined): VersionFacts['providers'] {
  const versions = new Map(
    (lock ? readHcl(contentOf(lock).toString('utf8')) : []).map((block) => [
      (block.labels[0] ?? '').replace(REGISTRY, ''),
      literal(block.attributes.get('version')?.text),
    ]),
  )
  const constraints = new Map<string, Set<string>>()
  for (const { blocks } of parts) {
    const required = requiredIn(blocks)
    for (const { source, constraint } of required.values()) note(constraints, source, constraint)
    for (const name of namesUsed(blocks)) if (!required.has(name)) note(constraints, `hashicorp/${name}`, '')
  }
  return [...constraints]
    .map(([source, all]) => ({ source, version: versions.get(source) ?? null, constraints: [...all].toSorted().join(', ') }))
    .toSorted((a, b) => (a.source < b.source ? -1 : 1))
}

function note(constraints: Map<string, Set<string>>, source: string, constraint: string): void {
  const known = constraints.get(source) ?? new Set()
  if (constraint !== '') known.add(constraint)
  constraints.set(source, known)
}

function requiredIn(blocks: readonly PlacedBlock[]): Map<string, { readonly source: string; readonly constraint: string }> {
  const required = blocks
    .filter(({ type }) => type === 'terraform')
    .flatMap((block) => block.blocks.filter(({ type }) => type === 'required_providers'))
  return new Map(
    required.flatMap(({ attributes }) =>
      [...attributes].map(([name, { text }]) => {
        const source = /"?source"?\s*[=:]\s*"([^"]*)"/.exec(text)?.[1] ?? `hashicorp/${name}`
        const constraint = /"?version"?\s*[=:]\s*"([^"]*)"/.exec(text)?.[1] ?? literal(text) ?? ''
        return [name, { source: source.toLowerCase().replace(REGISTRY, ''), constraint }] as const
      }),
    ),
  )
}

/** Local names of providers, as types of resources and `provider = …` say them; `terraform` is built in. */
function namesUsed(blocks: readonly PlacedBlock[]): ReadonlySet<string> {
  const names = blocks.flatMap(({ type, labels, attributes }) => {
    if (type === 'provider') return labels.slice(0, 1)
    if (!['resource', 'data', 'ephemeral'].includes(type)) return []
    const given = /^"?(?:\$\{)?([\w-]+)/.exec(attributes.get('provider')?.text ?? '')?.[1]
    return [given ?? (labels[0] ?? '').split('_')[0] ?? '']
  })
  return new Set(names.filter((name) => name !== '' && name !== 'terraform'))
}

/** Blocks that only a root takes, and words whose value would be another's in a run with others. */
const OF_THE_ROOT = new Set(['import', 'removed', 'moved', 'check', 'provider'])
const OWN_PLACE = /\b(path\.(module|root|cwd)|terraform\.workspace)\b/
const AT_HAND = new Set(['coder/coder', 'bothy/bothy'])

const isBatchable = ({ parts }: Read, providers: VersionFacts['providers']): boolean =>
  providers.every(({ source }) => AT_HAND.has(source)) &&
  parts.every(({ blocks }) => blocks.every((block) => !OF_THE_ROOT.has(block.type) && !textsOf(block).some((text) => OWN_PLACE.test(text))))

const ASKS = /^(coder|bothy)_(parameter|workspace_preset|workspace_tags)$/

const asksSomething = ({ type, labels }: Block): boolean => type === 'data' && ASKS.test(labels[0] ?? '')

/** Which provisioner builds it may depend on answers; what it asks does not for that. */
const isTags = ({ labels }: Block): boolean => (labels[0] ?? '').endsWith('_workspace_tags')

/** What may be known only with the answers at hand. A template is taken for conditional rather once too often. */
export function isConditional({ parts }: Read): boolean {
  return parts.some(({ address, blocks }) => {
    const asks = blocks.filter((block) => asksSomething(block) && !isTags(block))
    if (asks.length === 0) return false
    const locals = blocks.filter(({ type }) => type === 'locals').flatMap(textsOf)
    const localsDepend = locals.some((text) => /\b(data|module)\./.test(text))
    const depends = (text: string): boolean =>
      /\b(data|module)\./.test(text) || (localsDepend && /\blocal\./.test(text)) || (address !== '' && /\bvar\./.test(text))
    const call = callOf(parts, address)
    return asks.flatMap(textsOf).some(depends) || (call !== undefined && ['count', 'for_each'].some((name) => call.attributes.has(name)))
  })
}

function callOf(parts: Read['parts'], address: string): Block | undefined {
  if (address === '') return undefined
  const above = address.split('.').slice(0, -2).join('.')
  const name = address.split('.').at(-1)
  return parts.find((part) => part.address === above)?.blocks.find(({ type, labels }) => type === 'module' && labels[0] === name)
}

const textsOf = (block: Block): string[] => [...[...block.attributes.values()].map(({ text }) => text), ...block.blocks.flatMap(textsOf)]

/** Addresses of what has to be evaluated to know what is asked: what `-target` takes. */
export const askedAddresses = ({ parts }: Read): string[] =>
  parts.flatMap(({ address, blocks }) =>
    blocks.filter(asksSomething).map(({ labels }) => `${address === '' ? '' : `${address}.`}data.${labels[0] ?? ''}.${labels[1] ?? ''}`),
  )
