import type { Column } from './columns.ts'
import { CONFIG_MAP, NAMESPACE, SECRET, type Definition } from './core-kinds.ts'
import { CORE_EVENT, EVENT } from './event-kind.ts'
import { readDefinition } from './load.ts'
import { field, loadSchema, objectsOf } from './schema/load.ts'
import type { Schema } from './schema/types.ts'

/**
 * The table of kinds: a new kind is one entry here and one definition beside it.
 *
 *   kindOf('ws')            any of Workspace, workspaces, workspace, ws, workspaces.bothy.dev, in any case; else undefined
 *   kind.columns            printer columns; `cellOf(object, column.jsonPath)` of columns.ts reads a cell
 *
 * What is costly (columns, selectable fields, schema) is read from the definition when it is first asked for.
 * After a change to a definition, `npm run generate` makes definitions.json and types.ts anew.
 */

export const GROUP = 'bothy.dev'
export const VERSION = 'v1alpha1'
export const API_VERSION = `${GROUP}/${VERSION}`

export interface Kind {
  readonly kind: string
  readonly group: string
  readonly version: string
  readonly apiVersion: string
  readonly plural: string
  readonly singular: string
  readonly shortNames: readonly string[]
  readonly categories: readonly string[]
  readonly namespaced: boolean
  /** Whether status is written on its own, and left alone by other writes. */
  readonly hasStatus: boolean
  readonly columns: readonly Column[]
  /** Paths such as `.spec.owner` that field selectors may name, besides metadata. */
  readonly selectableFields: readonly string[]
  readonly schema: Schema
  /** The OpenAPI schema as it is written, for `explain`. */
  readonly openApi: unknown
}

interface Names {
  readonly kind: string
  readonly plural: string
  readonly shortNames: readonly string[]
  readonly namespaced: boolean
}

export const KINDS: readonly Kind[] = [
  ours({ kind: 'Template', plural: 'templates', shortNames: ['tpl'], namespaced: true }),
  ours({ kind: 'Workspace', plural: 'workspaces', shortNames: ['ws'], namespaced: true }),
  ours({ kind: 'WorkspaceRequest', plural: 'workspacerequests', shortNames: ['wsr'], namespaced: true }),
  ours({ kind: 'Owner', plural: 'owners', shortNames: [], namespaced: false }),
  core({ kind: 'Namespace', plural: 'namespaces', shortNames: ['ns'], namespaced: false }, '', NAMESPACE),
  core({ kind: 'ConfigMap', plural: 'configmaps', shortNames: ['cm'], namespaced: true }, '', CONFIG_MAP),
  core({ kind: 'Secret', plural: 'secrets', shortNames: [], namespaced: true }, '', SECRET),
  core({ kind: 'Event', plural: 'events', shortNames: ['ev'], namespaced: true }, 'events.k8s.io', EVENT),
]

/** Events are asked for under two paths; each answers them in its own shape. */
export const CORE_EVENTS: Kind = core({ kind: 'Event', plural: 'events', shortNames: ['ev'], namespaced: true }, '', CORE_EVENT)

/** What is served under a path of its own, in the order in which clients are told of it. */
export const SERVED: readonly Kind[] = [...KINDS, CORE_EVENTS]

export function kindOf(name: string): Kind | undefined {
  const wanted = name.toLowerCase()
  return KINDS.find((kind) => spellings(kind).includes(wanted))
}

const spellings = (kind: Kind): readonly string[] => [
  kind.kind.toLowerCase(),
  kind.plural,
  kind.singular,
  ...kind.shortNames,
  `${kind.plural}.${kind.group}`,
]

/** One of our own kinds: everything but its names is in the definition. What is of a namespace is in the category `bothy`. */
function ours(names: Names): Kind {
  return lazily({ ...names, group: GROUP, version: VERSION, categories: names.namespaced ? ['bothy'] : [], hasStatus: true }, () => {
    const definition = readDefinition(names.kind)
    const version = objectsOf(field(definition, 'spec', 'versions')).find((one) => one['name'] === VERSION)
    return {
      columns: objectsOf(field(version, 'additionalPrinterColumns')).map(columnOf),
      selectableFields: objectsOf(field(version, 'selectableFields')).map((one) => String(one['jsonPath'])),
      openApi: field(version, 'schema', 'openAPIV3Schema'),
    }
  })
}

/** A kind of Kubernetes itself that we serve without a cluster. */
function core(names: Names, group: string, definition: Definition): Kind {
  return lazily({ ...names, group, version: 'v1', categories: [], hasStatus: false }, () => definition)
}

type Known = Names & Pick<Kind, 'group' | 'version' | 'categories' | 'hasStatus'>

function lazily(known: Known, read: () => Definition): Kind {
  let definition: Definition | undefined
  let schema: Schema | undefined
  const defined = () => (definition ??= read())
  return {
    ...known,
    apiVersion: known.group ? `${known.group}/${known.version}` : known.version,
    singular: known.kind.toLowerCase(),
    get columns() {
      return defined().columns
    },
    get selectableFields() {
      return defined().selectableFields
    },
    get openApi() {
      return defined().openApi
    },
    get schema() {
      return (schema ??= loadSchema(defined().openApi, known.kind))
    },
  }
}

const COLUMN_TYPES: readonly Column['type'][] = ['string', 'integer', 'number', 'boolean', 'date']

function columnOf(raw: Readonly<Record<string, unknown>>): Column {
  return {
    name: String(raw['name']),
    type: COLUMN_TYPES.find((type) => type === raw['type']) ?? 'string',
    description: String(raw['description'] ?? ''),
    priority: Number(raw['priority'] ?? 0),
    jsonPath: String(raw['jsonPath']),
  }
}
