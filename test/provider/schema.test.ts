import { afterAll, beforeAll, expect, test } from 'vitest'
import { typeNames, type Attribute, type Block } from '../../provider/schema/model.ts'
import { PROVIDER_BLOCK, TABLE } from '../../provider/schema/table.ts'
import { recordingHost } from './host.ts'
import { terraformWith, type Terraform } from './terraform.ts'

interface SchemaJson {
  readonly provider_schemas: Readonly<
    Record<string, { readonly provider: { block: unknown }; readonly resource_schemas: Schemas; readonly data_source_schemas: Schemas }>
  >
}
type Schemas = Readonly<Record<string, { readonly version: number; readonly block: unknown }>>

let terraform: Terraform
let schemas: SchemaJson
beforeAll(async () => {
  terraform = await terraformWith(recordingHost())
  await terraform.write('')
  const { code, output } = await terraform.run('providers', 'schema', '-json')
  expect(code).toEqual(0)
  schemas = JSON.parse(output)
})
afterAll(() => terraform.close())

/** The table in the words of terraform's own schema listing. */
function attributeJson(attribute: Attribute): unknown {
  return {
    type: attribute.type,
    description: attribute.description,
    description_kind: 'plain',
    ...(attribute.mode === 'required' ? { required: true } : {}),
    ...(attribute.mode === 'optional' || attribute.mode === 'filled' ? { optional: true } : {}),
    ...(attribute.mode === 'computed' || attribute.mode === 'filled' ? { computed: true } : {}),
    ...(attribute.sensitive ? { sensitive: true } : {}),
    ...(attribute.deprecated === undefined ? {} : { deprecated: true }),
  }
}

const blockJson = (block: Block): unknown => ({
  ...(Object.keys(block.attributes).length > 0
    ? { attributes: Object.fromEntries(Object.entries(block.attributes).map(([name, each]) => [name, attributeJson(each)])) }
    : {}),
  ...(block.blocks
    ? {
        block_types: Object.fromEntries(
          Object.entries(block.blocks).map(([name, nested]) => [
            name,
            {
              nesting_mode: nested.nesting,
              block: blockJson(nested.block),
              ...(nested.min ? { min_items: nested.min } : {}),
              ...(nested.max ? { max_items: nested.max } : {}),
            },
          ]),
        ),
      }
    : {}),
  description: block.description,
  description_kind: 'plain',
  ...(block.deprecated === undefined ? {} : { deprecated: true }),
})

const tableOf = (kind: 'resource' | 'data') =>
  Object.fromEntries(
    TABLE.filter((entry) => entry.kind === kind).flatMap((entry) =>
      typeNames(entry).map((name) => [name, { version: entry.version ?? 0, block: blockJson(entry.block) }] as const),
    ),
  )

test.each(['registry.terraform.io/coder/coder', 'registry.terraform.io/bothy/bothy'])('terraform sees the whole table at %s', (address) => {
  const seen = schemas.provider_schemas[address]!
  expect(seen.provider.block).toEqual(blockJson(PROVIDER_BLOCK))
  expect(seen.resource_schemas).toEqual(tableOf('resource'))
  expect(seen.data_source_schemas).toEqual(tableOf('data'))
})

test('whatever changes of a resource makes another; an agent alone is changed where it is, and keeps its token', () => {
  const changed = TABLE.filter(({ kind, prefixes }) => kind === 'resource' && prefixes === 'both').flatMap(({ name, block }) => {
    const written = Object.entries({ ...block.attributes, ...block.blocks }).filter(
      ([, each]) => !('mode' in each) || each.mode !== 'computed',
    )
    return written.filter(([, each]) => !each.replaces).map(([attribute]) => `${name}.${attribute}`)
  })
  expect(changed.filter((each) => !each.startsWith('agent.'))).toEqual([])
  expect(changed.length).toBeGreaterThan(10)
})

test('every coder type has a twin under our name; native machines are ours alone', () => {
  const names = [...Object.keys(tableOf('resource')), ...Object.keys(tableOf('data'))]
  const coder = names.filter((name) => name.startsWith('coder_')).map((name) => name.slice('coder_'.length))
  const bothy = names.filter((name) => name.startsWith('bothy_')).map((name) => name.slice('bothy_'.length))
  expect(bothy.filter((name) => !coder.includes(name))).toEqual(['process', 'container', 'pod'])
  expect(coder.filter((name) => !bothy.includes(name))).toEqual([])
})
