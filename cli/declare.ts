import type { Client } from './client.ts'
import { EXIT, Failure } from './failure.ts'
import { field, isRecord, textOf, type JsonRecord } from './json.ts'
import { getObject, objectOf, pathOf, pathOfRef, type ApiObject, type Ref } from './objects.ts'

/** Making an object what a document says: created where it is not there, otherwise its spec replaced as a whole. */

export type Verb = 'created' | 'configured' | 'unchanged'

export interface DeclaredObject {
  readonly verb: Verb
  readonly before: ApiObject | null
  readonly after: ApiObject
}

export interface DeclareOptions {
  readonly dryRun: boolean
}

const CONFLICTS_MAX = 5

/** Somebody else may write between our reading and our writing: then it is read again. */
export async function declareObject(client: Client, ref: Ref, document: JsonRecord, options: DeclareOptions): Promise<DeclaredObject> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await declareOnce(client, ref, document, options)
    } catch (error) {
      const raced = error instanceof Failure && (error.reason === 'Conflict' || error.reason === 'AlreadyExists')
      if (!raced || attempt >= CONFLICTS_MAX || /declared by/.test(error.message)) throw error
    }
  }
}

async function declareOnce(client: Client, ref: Ref, document: JsonRecord, { dryRun }: DeclareOptions): Promise<DeclaredObject> {
  const query = { fieldManager: 'bothy-cli', fieldValidation: 'Strict', dryRun: dryRun ? 'All' : undefined }
  const before = await getOrNull(client, ref)
  if (!before) {
    const metadata = { ...record(document['metadata']), ...place(ref) }
    const created = await client.request('POST', pathOf(ref.kind, ref.namespace), { query, body: { ...document, metadata } })
    return { verb: 'created', before, after: objectOf(created) }
  }
  const body = { ...document, metadata: mergedMetadata(before, document, ref) }
  const after = objectOf(await client.request('PUT', pathOfRef(ref), { query, body }))
  return { verb: isSame(before, after) ? 'unchanged' : 'configured', before, after }
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

/** Labels and annotations that the document names are set; what others put beside them stays, as finalizers do. */
function mergedMetadata(before: ApiObject, document: JsonRecord, ref: Ref): JsonRecord {
  const given = record(document['metadata'])
  const { finalizers, ownerReferences, resourceVersion } = before.metadata
  return { ...given, ...place(ref), resourceVersion, finalizers, ownerReferences, ...merged('labels'), ...merged('annotations') }

  function merged(name: string): JsonRecord {
    const both = { ...record(before.metadata[name]), ...record(given[name]) }
    return Object.keys(both).length === 0 ? {} : { [name]: both }
  }
}

/** What people declare of an object, without what the server adds. */
export function declaredPart(object: ApiObject | null): JsonRecord | null {
  if (!object) return null
  const { apiVersion, kind, metadata, spec } = object
  const { name, namespace, labels, annotations } = metadata
  return { apiVersion, kind, metadata: { name, namespace, labels, annotations }, spec }
}

const isSame = (before: ApiObject, after: ApiObject): boolean =>
  textOf(field(before, 'metadata', 'resourceVersion')) === textOf(field(after, 'metadata', 'resourceVersion')) ||
  JSON.stringify(declaredPart(before)) === JSON.stringify(declaredPart(after))
