import { bool, bytes, int, many, mapOf, maybe, message, one, string, type MessageOf } from '../../controller/kernel/protobuf.ts'

/** The messages of Terraform's plugin protocol 6, as far as this provider reads and writes them. Numbers are the wire's. */

export const SERVICE = 'tfplugin6.Provider'

export const dynamicValue = message({ msgpack: one(1, bytes), json: one(2, bytes) })
export type DynamicValue = MessageOf<typeof dynamicValue>

/** One of the two is set. Keys of maps are never named: a map's own name is. */
const step = message({ attributeName: maybe(1, string), elementKeyInt: maybe(3, int) })
const attributePath = message({ steps: many(1, step) })
export type AttributePath = MessageOf<typeof attributePath>

export const SEVERITY = { error: 1, warning: 2 } as const
const diagnostic = message({ severity: one(1, int), summary: one(2, string), detail: one(3, string), attribute: maybe(4, attributePath) })
export type WireDiagnostic = MessageOf<typeof diagnostic>
const diagnostics = (number: number) => many(number, diagnostic)

export const NESTING = { list: 2, set: 3 } as const
const attribute = message({
  name: one(1, string),
  type: one(2, bytes),
  description: one(3, string),
  required: one(4, bool),
  optional: one(5, bool),
  computed: one(6, bool),
  sensitive: one(7, bool),
  deprecated: one(9, bool),
})
const nestedBlock = message({
  typeName: one(1, string),
  // A block within a block, already encoded: the message contains itself.
  block: one(2, bytes),
  nesting: one(3, int),
  minItems: one(4, int),
  maxItems: one(5, int),
})
export const schemaBlock = message({
  version: one(1, int),
  attributes: many(2, attribute),
  blockTypes: many(3, nestedBlock),
  description: one(4, string),
  deprecated: one(6, bool),
})
export const schema = message({ version: one(1, int), block: one(2, bytes) })

const serverCapabilities = message({ planDestroy: one(1, bool), getProviderSchemaOptional: one(2, bool) })

export const getProviderSchema = {
  response: message({
    provider: maybe(1, schema),
    resourceSchemas: mapOf(2, schema),
    dataSourceSchemas: mapOf(3, schema),
    serverCapabilities: maybe(6, serverCapabilities),
  }),
}

export const validateProviderConfig = {
  request: message({ config: maybe(1, dynamicValue) }),
  response: message({ diagnostics: diagnostics(2) }),
}

/** Of a resource and of a data source alike. */
export const validateConfig = {
  request: message({ typeName: one(1, string), config: maybe(2, dynamicValue) }),
  response: message({ diagnostics: diagnostics(1) }),
}

export const upgradeResourceState = {
  request: message({ typeName: one(1, string), rawState: maybe(3, message({ json: one(1, bytes) })) }),
  response: message({ upgradedState: maybe(1, dynamicValue), diagnostics: diagnostics(2) }),
}

export const configureProvider = {
  request: message({ config: maybe(2, dynamicValue) }),
  response: message({ diagnostics: diagnostics(1) }),
}

export const readResource = {
  request: message({ typeName: one(1, string), currentState: maybe(2, dynamicValue), private: one(3, bytes) }),
  response: message({ newState: maybe(1, dynamicValue), diagnostics: diagnostics(2), private: one(3, bytes) }),
}

export const planResourceChange = {
  request: message({
    typeName: one(1, string),
    priorState: maybe(2, dynamicValue),
    proposedNewState: maybe(3, dynamicValue),
    config: maybe(4, dynamicValue),
    priorPrivate: one(5, bytes),
  }),
  response: message({
    plannedState: maybe(1, dynamicValue),
    requiresReplace: many(2, attributePath),
    plannedPrivate: one(3, bytes),
    diagnostics: diagnostics(4),
    legacyTypeSystem: one(5, bool),
  }),
}

export const applyResourceChange = {
  request: message({
    typeName: one(1, string),
    priorState: maybe(2, dynamicValue),
    plannedState: maybe(3, dynamicValue),
    config: maybe(4, dynamicValue),
    plannedPrivate: one(5, bytes),
  }),
  response: message({
    newState: maybe(1, dynamicValue),
    private: one(2, bytes),
    diagnostics: diagnostics(3),
    legacyTypeSystem: one(4, bool),
  }),
}

export const importResourceState = {
  request: message({ typeName: one(1, string) }),
  response: message({ diagnostics: diagnostics(2) }),
}

export const readDataSource = {
  request: message({ typeName: one(1, string), config: maybe(2, dynamicValue) }),
  response: message({ state: maybe(1, dynamicValue), diagnostics: diagnostics(2) }),
}

export const stopProvider = { response: message({ error: one(1, string) }) }
