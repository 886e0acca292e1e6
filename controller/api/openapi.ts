import { GROUP, SERVED, type Kind } from '../../crds/kinds.ts'
import { readKubernetesSchemas } from '../../crds/load.ts'
import { isJsonObject, own, type JsonObject } from '../../crds/schema/types.ts'
import { pathsOf, type Names } from './openapi-paths.ts'
import type { Handler } from './ports.ts'
import { answerTagged, tagOf } from './tagged.ts'

/**
 * Every kind as OpenAPI v3, a document a group and version: what `kubectl explain` prints, and where kubectl learns that
 * the server finds wrong fields itself. Made when first asked for; they change with the program alone.
 */

const META = 'io.k8s.apimachinery.pkg.apis.meta.v1'

/** By group: what the schemas of Kubernetes' own kinds are called. */
const KUBERNETES_NAMES: ReadonlyMap<string, string> = new Map([
  ['', 'io.k8s.api.core.v1'],
  ['events.k8s.io', 'io.k8s.api.events.v1'],
])

function namesOf({ kind, group, version }: Kind): Names {
  const prefix = KUBERNETES_NAMES.get(group) ?? `${group.split('.').toReversed().join('.')}.${version}`
  return { schema: `${prefix}.${kind}`, list: `${prefix}.${kind}List` }
}

function schemasOf(kind: Kind, known: JsonObject): JsonObject {
  const { schema, list } = namesOf(kind)
  if (kind.group !== GROUP) return { [schema]: own(known, schema), [list]: own(known, list) }
  return { [schema]: ours(kind, known), [list]: listOf(kind, schema, known) }
}

const partsOf = (schema: unknown, name: string): JsonObject => {
  const part = isJsonObject(schema) ? own(schema, name) : undefined
  return isJsonObject(part) ? part : {}
}

/** `apiVersion` and `kind`, in the words of Kubernetes. */
function typeMeta(known: JsonObject): JsonObject {
  const { apiVersion, kind } = partsOf(own(known, 'io.k8s.api.core.v1.ConfigMap'), 'properties')
  return { apiVersion, kind }
}

const metadataFrom = (name: string, description: string) => ({ description, allOf: [{ $ref: `#/components/schemas/${META}.${name}` }] })

const CONVENTIONS = 'More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md'

const marksOf = (kind: Kind, name: string): JsonObject => ({
  'x-kubernetes-group-version-kind': [{ group: kind.group, kind: name, version: kind.version }],
  ...(kind.selectableFields.length === 0
    ? {}
    : { 'x-kubernetes-selectable-fields': kind.selectableFields.map((path) => ({ fieldPath: path.replace(/^\./, '') })) }),
})

/** The definition as it is written, with what an API server puts into its place. */
function ours(kind: Kind, known: JsonObject): JsonObject {
  const metadata = metadataFrom('ObjectMeta', `Standard object's metadata. ${CONVENTIONS}#metadata`)
  const schema = isJsonObject(kind.openApi) ? kind.openApi : {}
  return { ...schema, properties: { ...partsOf(schema, 'properties'), ...typeMeta(known), metadata }, ...marksOf(kind, kind.kind) }
}

function listOf(kind: Kind, schema: string, known: JsonObject): JsonObject {
  const items = { description: `List of ${kind.plural}. ${CONVENTIONS}`, type: 'array', items: { $ref: `#/components/schemas/${schema}` } }
  const metadata = metadataFrom('ListMeta', `Standard list metadata. ${CONVENTIONS}#types-kinds`)
  return {
    description: `${kind.kind}List is a list of ${kind.kind}`,
    type: 'object',
    required: ['items'],
    properties: { ...typeMeta(known), items, metadata },
    ...marksOf(kind, `${kind.kind}List`),
  }
}

/** With everything that is referred to, and nothing else. */
function withReferences(schemas: JsonObject, known: JsonObject, more: readonly string[]): JsonObject {
  const found = new Map(Object.entries(schemas))
  const wanted = [...more]
  const collect = (value: unknown): void => {
    if (Array.isArray(value)) return value.forEach(collect)
    if (!isJsonObject(value)) return
    for (const [name, each] of Object.entries(value)) {
      if (name === '$ref' && typeof each === 'string') wanted.push(each.split('/').at(-1) ?? '')
      else collect(each)
    }
  }
  for (const schema of found.values()) collect(schema)
  for (let name = wanted.pop(); name !== undefined; name = wanted.pop()) {
    if (found.has(name)) continue
    found.set(name, own(known, name))
    collect(own(known, name))
  }
  return Object.fromEntries([...found].toSorted(([a], [b]) => (a < b ? -1 : 1)))
}

function documentOf(kinds: readonly Kind[], known: JsonObject): string {
  const schemas = Object.assign({}, ...kinds.map((kind) => schemasOf(kind, known)))
  const paths = Object.assign({}, ...kinds.map((kind) => pathsOf(kind, namesOf(kind))))
  return JSON.stringify({
    openapi: '3.0.0',
    info: { title: 'Bothy', version: kinds[0]?.version ?? '' },
    paths,
    components: { schemas: withReferences(schemas, known, [`${META}.DeleteOptions`, `${META}.Patch`, `${META}.Status`]) },
  })
}

const pathOf = ({ group, version }: Kind): string => (group === '' ? `api/${version}` : `apis/${group}/${version}`)

const PATHS: readonly string[] = [...new Set(SERVED.map(pathOf))]

let documents: ReadonlyMap<string, string> | undefined

function allDocuments(): ReadonlyMap<string, string> {
  if (documents) return documents
  const known = readKubernetesSchemas()
  return (documents = new Map(
    PATHS.map((path) => [
      path,
      documentOf(
        SERVED.filter((kind) => pathOf(kind) === path),
        known,
      ),
    ]),
  ))
}

const index: Handler = async (call) => {
  const paths = [...allDocuments()].map(([path, text]) => [path, { serverRelativeURL: `/openapi/v3/${path}?hash=${tagOf(text)}` }])
  answerTagged(call, JSON.stringify({ paths: Object.fromEntries(paths) }), 'application/json')
}

const document =
  (path: string): Handler =>
  async (call) =>
    answerTagged(call, allDocuments().get(path) ?? '', 'application/json')

export const OPENAPI: Readonly<Record<string, Readonly<Record<string, Handler>>>> = {
  '/openapi/v3': { GET: index },
  ...Object.fromEntries(PATHS.map((path) => [`/openapi/v3/${path}`, { GET: document(path) }])),
}
