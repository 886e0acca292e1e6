import { getProviderSchema, NESTING, schemaBlock } from '../wire/tfplugin6.ts'
import { typeNames, type Attribute, type Block, type Entry } from './model.ts'
import { PROVIDER_BLOCK, TABLE } from './table.ts'

/** The table in the protocol's words, encoded once: it is the same for every build. */

const blockBytes = (block: Block): Buffer =>
  schemaBlock.encode({
    attributes: Object.entries(block.attributes).map(([name, attribute]) => attributeMessage(name, attribute)),
    blockTypes: Object.entries(block.blocks ?? {}).map(([typeName, nested]) => ({
      typeName,
      block: blockBytes(nested.block),
      nesting: NESTING[nested.nesting],
      minItems: nested.min ?? 0,
      maxItems: nested.max ?? 0,
    })),
    description: block.description,
    deprecated: block.deprecated !== undefined,
  })

const attributeMessage = (name: string, attribute: Attribute) => ({
  name,
  type: Buffer.from(JSON.stringify(attribute.type)),
  description: attribute.description,
  required: attribute.mode === 'required',
  optional: attribute.mode === 'optional' || attribute.mode === 'filled',
  computed: attribute.mode === 'computed' || attribute.mode === 'filled',
  sensitive: attribute.sensitive ?? false,
  deprecated: attribute.deprecated !== undefined,
})

const schemaOf = (block: Block, version = 0) => ({ version, block: blockBytes(block) })

const schemasOf = (kind: Entry['kind']) =>
  new Map(
    TABLE.filter((entry) => entry.kind === kind).flatMap((entry) => {
      const schema = schemaOf(entry.block, entry.version)
      return typeNames(entry).map((name) => [name, schema] as const)
    }),
  )

export const SCHEMA_RESPONSE: Buffer = getProviderSchema.response.encode({
  provider: schemaOf(PROVIDER_BLOCK),
  resourceSchemas: schemasOf('resource'),
  dataSourceSchemas: schemasOf('data'),
  // Destroying needs no plan of ours; a terraform asks for the schema once.
  serverCapabilities: { planDestroy: false, getProviderSchemaOptional: true },
})
