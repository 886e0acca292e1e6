import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { oracle } from './provider.ts'
import { openSide, REQUIRED, type Which } from './sides.ts'

/** What terraform is told about `coder_*` types by the reference, and by us: word for word but for descriptions. */

interface AttributeJson {
  readonly type: unknown
  readonly required?: true
  readonly optional?: true
  readonly computed?: true
  readonly sensitive?: true
  readonly deprecated?: true
}
interface BlockJson {
  readonly attributes?: Readonly<Record<string, AttributeJson>>
  readonly block_types?: Readonly<
    Record<string, { readonly nesting_mode: string; readonly min_items?: number; readonly max_items?: number; readonly block: BlockJson }>
  >
  readonly deprecated?: true
}
type Schemas = Readonly<Record<string, { readonly version: number; readonly block: BlockJson }>>
interface ProviderJson {
  readonly provider: { readonly block: BlockJson }
  readonly resource_schemas: Schemas
  readonly data_source_schemas: Schemas
}

const found = await oracle()
const skipped = 'missing' in found ? found.missing : null

const FLAGS = ['required', 'optional', 'computed', 'sensitive', 'deprecated'] as const

/** One line for each attribute and block. */
function linesOf(block: BlockJson, path: string): readonly string[] {
  const attributes = Object.entries(block.attributes ?? {}).map(
    ([name, each]) => `${path}.${name}: ${JSON.stringify(each.type)} ${FLAGS.filter((flag) => each[flag]).join(' ')}`,
  )
  const nested = Object.entries(block.block_types ?? {}).flatMap(([name, each]) => {
    const items = `${each.min_items ?? 0}..${each.max_items ?? ''}`
    const line = `${path}.${name}: ${each.nesting_mode} ${items}${each.block.deprecated ? ' deprecated' : ''}`
    return [line].concat(linesOf(each.block, `${path}.${name}`))
  })
  return [...attributes, ...nested]
}

const linesOfAll = (kind: string, schemas: Schemas): readonly string[] =>
  Object.entries(schemas)
    .filter(([name]) => name.startsWith('coder_'))
    .flatMap(([name, { version, block }]) => [`${kind} ${name}: version ${version}`].concat(linesOf(block, `${kind} ${name}`)))

async function schemaBy(which: Which, mirror: string): Promise<ReadonlySet<string>> {
  const side = await openSide(which, mirror, (folder) => writeFile(join(folder, 'main.tf'), REQUIRED))
  try {
    await side.must('init')
    const listed: { provider_schemas: Readonly<Record<string, ProviderJson>> } = JSON.parse(await side.must('providers', 'schema', '-json'))
    const schema = listed.provider_schemas['registry.terraform.io/coder/coder']
    if (!schema) throw new Error(`${which} has no schema of coder/coder`)
    return new Set([
      ...linesOf(schema.provider.block, 'provider'),
      ...linesOfAll('resource', schema.resource_schemas),
      ...linesOfAll('data', schema.data_source_schemas),
    ])
  } finally {
    await side.close()
  }
}

/** Each with its reason. A line that no longer differs has to go. */
const ONLY_REFERENCE: readonly (readonly [string, RegExp])[] = [
  ['an id that the reference’s kit adds can be written, and what is written is ignored', /\.id: "string" optional computed$/],
]
const ONLY_OURS: readonly (readonly [string, RegExp])[] = [
  ['an id is made by the provider: terraform refuses one that is written', /\.id: "string" computed$/],
  ['a type that came after the version that is measured against', /^data coder_secret[:.]/],
]

test.skipIf(skipped !== null)(`the table is the reference’s${skipped ? ` (skipped: ${skipped})` : ''}`, async () => {
  if ('missing' in found) return
  const [reference, ours] = await Promise.all([schemaBy('reference', found.mirror), schemaBy('ours', found.mirror)])
  const unlike = (lines: ReadonlySet<string>, others: ReadonlySet<string>, known: typeof ONLY_OURS) => {
    const left = [...lines].filter((line) => !others.has(line))
    return {
      unused: known.filter(([, pattern]) => !left.some((line) => pattern.test(line))).map(([why]) => why),
      left: left.filter((line) => !known.some(([, pattern]) => pattern.test(line))),
    }
  }
  expect(unlike(reference, ours, ONLY_REFERENCE)).toEqual({ unused: [], left: [] })
  expect(unlike(ours, reference, ONLY_OURS)).toEqual({ unused: [], left: [] })
  // An empty listing would agree with everything.
  expect(reference.size).toBeGreaterThan(150)
})
