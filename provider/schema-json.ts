import { typeNames, type Attribute, type Block, type Entry } from './schema/model.ts'
import { PROVIDER_BLOCK, TABLE } from './schema/table.ts'

/** The table as `terraform providers schema -json` prints it: for editors, generators and whoever compares versions. */

type Json = Readonly<Record<string, unknown>>

const flag = (name: string, on: boolean): Json => (on ? { [name]: true } : {})

const attributeJson = ({ type, mode, description, sensitive, deprecated }: Attribute): Json => ({
  type,
  description,
  description_kind: 'plain',
  ...flag('required', mode === 'required'),
  ...flag('optional', mode === 'optional' || mode === 'filled'),
  ...flag('computed', mode === 'computed' || mode === 'filled'),
  ...flag('sensitive', sensitive === true),
  ...flag('deprecated', deprecated !== undefined),
})

const mapped = <T>(record: Readonly<Record<string, T>>, each: (value: T) => Json): Json =>
  Object.fromEntries(Object.entries(record).map(([name, value]) => [name, each(value)]))

const blockJson = ({ attributes, blocks, description, deprecated }: Block): Json => ({
  ...(Object.keys(attributes).length > 0 ? { attributes: mapped(attributes, attributeJson) } : {}),
  ...(blocks
    ? {
        block_types: mapped(blocks, ({ nesting, block, min, max }) => ({
          nesting_mode: nesting,
          block: blockJson(block),
          ...(min ? { min_items: min } : {}),
          ...(max ? { max_items: max } : {}),
        })),
      }
    : {}),
  description,
  description_kind: 'plain',
  ...flag('deprecated', deprecated !== undefined),
})

const schemasOf = (kind: Entry['kind']): Json =>
  Object.fromEntries(
    TABLE.filter((entry) => entry.kind === kind).flatMap((entry) => {
      const schema = { version: entry.version ?? 0, block: blockJson(entry.block) }
      return typeNames(entry).map((name) => [name, schema] as const)
    }),
  )

export function schemaJson(addresses: readonly string[]): Json {
  const schema = {
    provider: { version: 0, block: blockJson(PROVIDER_BLOCK) },
    resource_schemas: schemasOf('resource'),
    data_source_schemas: schemasOf('data'),
  }
  return { format_version: '1.0', provider_schemas: Object.fromEntries(addresses.map((address) => [address, schema])) }
}
