import type { Client } from './client.ts'
import { EXIT, Failure } from './failure.ts'
import { field, isRecord, textOf, type JsonRecord } from './json.ts'
import { getObject, objectOf, pathOfRef, type ApiObject, type Ref } from './objects.ts'

/** Making an object what a document says: created where it is not there; what was given earlier and is left out now goes. */

export type Verb = 'created' | 'configured' | 'unchanged'

export interface DeclaredObject {
  readonly verb: Verb
  readonly before: ApiObject | null
  readonly after: ApiObject
}

export interface DeclareOptions {
  readonly dryRun: boolean
}

export async function declareObject(client: Client, ref: Ref, document: JsonRecord, { dryRun }: DeclareOptions): Promise<DeclaredObject> {
  const before = await getOrNull(client, ref)
  const query = { apply: 'true', fieldManager: 'bothy-cli', fieldValidation: 'Strict', dryRun: dryRun ? 'All' : undefined }
  const metadata = { ...record(document['metadata']), ...place(ref) }
  const after = objectOf(await client.request('PUT', pathOfRef(ref), { query, body: { ...document, metadata } }))
  return { verb: before === null ? 'created' : isSame(before, after) ? 'unchanged' : 'configured', before, after }
}

export async function getOrNull(client: Client, ref: Ref): Promise<ApiObject | null> {
  try {
    return await getObject(client, ref)
  } catch (error) {
    if (error instanceof Failure && error.code === EXIT.notFound) return null
    throw error
  }
}

const record = (value: unknown): JsonRecord => (isRecord(value) ? value : {})

const place = ({ kind, namespace, name }: Ref): JsonRecord => ({ name, ...(kind.namespaced ? { namespace } : {}) })

/** What people declare of an object, without what the server adds. */
export function declaredPart(object: ApiObject | null): JsonRecord | null {
  if (!object) return null
  const { apiVersion, kind, metadata, spec, data, binaryData } = object
  const { name, namespace, labels, annotations } = metadata
  const declared = { name, namespace, labels: sorted(labels), annotations: sorted(annotations) }
  const content = { spec, data, binaryData }
  return {
    apiVersion,
    kind,
    metadata: declared,
    ...Object.fromEntries(Object.entries(content).map(([name, value]) => [name, sorted(value)])),
  }
}

/** The order of fields means nothing, and a server need not keep it. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (!isRecord(value)) return value
  const names = Object.keys(value).toSorted()
  return Object.fromEntries(names.map((name) => [name, sorted(value[name])]))
}

const isSame = (before: ApiObject, after: ApiObject): boolean =>
  textOf(field(before, 'metadata', 'resourceVersion')) === textOf(field(after, 'metadata', 'resourceVersion')) ||
  JSON.stringify(declaredPart(before)) === JSON.stringify(declaredPart(after))
