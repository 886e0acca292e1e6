import { forbidden, invalid, required, tooLong, type Issue } from './causes.ts'
import type { DraftMeta, ObjectMeta } from '../meta.ts'
import { isJsonObject, own, put, type JsonObject } from './types.ts'

/** Metadata as it was written: everything may be missing, and what the server sets is not believed. */
export type WrittenMeta = DraftMeta & Partial<Omit<ObjectMeta, keyof DraftMeta>>

type Shape = 'string' | 'integer' | 'strings' | 'map' | 'objects'

const FIELDS: ReadonlyMap<string, Shape> = new Map<string, Shape>([
  ['name', 'string'],
  ['generateName', 'string'],
  ['namespace', 'string'],
  ['uid', 'string'],
  ['resourceVersion', 'string'],
  ['generation', 'integer'],
  ['creationTimestamp', 'string'],
  ['deletionTimestamp', 'string'],
  ['deletionGracePeriodSeconds', 'integer'],
  ['labels', 'map'],
  ['annotations', 'map'],
  ['finalizers', 'strings'],
  ['ownerReferences', 'objects'],
])
/** Sent back by people who edit what `get` printed; of no meaning here. */
const IGNORED = new Set(['managedFields', 'selfLink'])
const OWNER_FIELDS: ReadonlyMap<string, 'string' | 'boolean'> = new Map<string, 'string' | 'boolean'>([
  ['apiVersion', 'string'],
  ['kind', 'string'],
  ['name', 'string'],
  ['uid', 'string'],
  ['controller', 'boolean'],
  ['blockOwnerDeletion', 'boolean'],
])

export interface DecodedMeta {
  readonly metadata: JsonObject
  readonly unknown: readonly string[]
  /** A field of a wrong type: such a document cannot be read at all. */
  readonly unreadable: string | null
}

export function decodeMeta(raw: unknown): DecodedMeta {
  if (raw === undefined || raw === null) return { metadata: {}, unknown: [], unreadable: null }
  if (!isJsonObject(raw)) return { metadata: {}, unknown: [], unreadable: unreadable(raw, 'metadata', 'v1.ObjectMeta') }
  const metadata: Record<string, unknown> = {}
  const unknown: string[] = []
  for (const [name, value] of Object.entries(raw)) {
    const shape = FIELDS.get(name)
    if (IGNORED.has(name) || value === null) continue
    if (!shape) {
      unknown.push(`metadata.${name}`)
      continue
    }
    const wrong = wrongShape(shape, value, `metadata.${name}`)
    if (wrong) return { metadata: {}, unknown, unreadable: wrong }
    put(metadata, name, shape === 'objects' ? owners(value, unknown) : structuredClone(value))
  }
  return { metadata, unknown, unreadable: null }
}

function wrongShape(shape: Shape, value: unknown, field: string): string | null {
  switch (shape) {
    case 'string':
      return typeof value === 'string' ? null : unreadable(value, field, 'string')
    case 'integer':
      return Number.isSafeInteger(value) ? null : unreadable(value, field, 'int64')
    case 'strings': {
      if (!Array.isArray(value)) return unreadable(value, field, '[]string')
      const wrong: unknown = value.find((item) => typeof item !== 'string')
      return wrong === undefined ? null : unreadable(wrong, field, 'string')
    }
    case 'map': {
      if (!isJsonObject(value)) return unreadable(value, field, 'map[string]string')
      const wrong = Object.values(value).find((item) => typeof item !== 'string')
      return wrong === undefined ? null : unreadable(wrong, field, 'string')
    }
    case 'objects':
      return wrongOwners(value, field)
  }
}

function wrongOwners(value: unknown, field: string): string | null {
  if (!Array.isArray(value)) return unreadable(value, field, '[]v1.OwnerReference')
  for (const item of value) {
    if (!isJsonObject(item)) return unreadable(item, field, 'v1.OwnerReference')
    for (const [name, wanted] of OWNER_FIELDS) {
      const given = own(item, name)
      if (given !== undefined && given !== null && typeof given !== wanted) return unreadable(given, `${field}.${name}`, wanted)
    }
  }
  return null
}

function owners(value: unknown, unknown: string[]): readonly JsonObject[] {
  return (Array.isArray(value) ? value.filter(isJsonObject) : []).map((owner, index) => {
    unknown.push(...Object.keys(owner).flatMap((name) => (OWNER_FIELDS.has(name) ? [] : [`metadata.ownerReferences[${index}].${name}`])))
    return Object.fromEntries(Object.entries(owner).filter(([name, given]) => OWNER_FIELDS.has(name) && given !== null))
  })
}

function unreadable(value: unknown, field: string, wanted: string): string {
  const is = Array.isArray(value) ? 'array' : typeof value === 'object' ? 'object' : typeof value === 'boolean' ? 'bool' : typeof value
  return `json: cannot unmarshal ${is} into Go struct field ObjectMeta.${field} of type ${wanted}`
}

const LABEL = '[a-z0-9]([-a-z0-9]*[a-z0-9])?'
const SUBDOMAIN = `${LABEL}(\\.${LABEL})*`
const SUBDOMAIN_TEXT = `a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '${SUBDOMAIN}')`
const LABEL_TEXT = `a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '${LABEL}')`
const NAME_PART = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]'
const NAME_PART_TEXT = `must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '${NAME_PART}')`
const VALUE_TEXT = `a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(${NAME_PART})?')`

// Anchored tests of the two expressions the messages name, written so that no text makes them backtrack.
const isLabel = (text: string): boolean => /^[a-z0-9-]+$/.test(text) && !text.startsWith('-') && !text.endsWith('-')
const isSubdomain = (text: string): boolean => text.split('.').every(isLabel)
const isNamePart = (text: string): boolean => /^[A-Za-z0-9_.-]+$/.test(text) && /^[A-Za-z0-9]/.test(text) && /[A-Za-z0-9]$/.test(text)

const ANNOTATIONS_BYTES_MAX = 256 * 1024

/** What every object must keep to, whatever its kind. Who may change what over time is the store's business. */
export function metaIssues(metadata: JsonObject, namespaced: boolean): readonly Issue[] {
  return [
    ...nameIssues(metadata),
    ...namespaceIssues(metadata, namespaced),
    ...labelIssues(metadata),
    ...annotationIssues(metadata),
  ].concat(finalizerIssues(metadata))
}

function nameIssues(metadata: JsonObject): Issue[] {
  const name = own(metadata, 'name')
  const generateName = own(metadata, 'generateName')
  const issues: Issue[] = []
  if (typeof generateName === 'string' && generateName !== '') {
    // The random end comes later, so a dash may be the last character.
    issues.push(...subdomainIssues('metadata.generateName', generateName.replace(/-$/, 'a'), generateName))
  }
  if (typeof name === 'string' && name !== '') issues.push(...subdomainIssues('metadata.name', name, name))
  else if (!generateName) issues.push(required('metadata.name', 'name or generateName is required'))
  return issues
}

function subdomainIssues(field: string, text: string, given: string): Issue[] {
  return [
    ...(text.length > 253 ? [invalid(field, given, 'must be no more than 253 bytes')] : []),
    ...(isSubdomain(text) ? [] : [invalid(field, given, SUBDOMAIN_TEXT)]),
  ]
}

function namespaceIssues(metadata: JsonObject, namespaced: boolean): Issue[] {
  const namespace = own(metadata, 'namespace')
  if (typeof namespace !== 'string' || namespace === '') return []
  if (!namespaced) return [forbidden('metadata.namespace', 'not allowed on this type')]
  return isLabel(namespace) && namespace.length <= 63 ? [] : [invalid('metadata.namespace', namespace, LABEL_TEXT)]
}

function labelIssues(metadata: JsonObject): Issue[] {
  return entriesOf(own(metadata, 'labels')).flatMap(([key, value]) =>
    qualifiedIssues('metadata.labels', key).concat(labelValueIssues(value)),
  )
}

function labelValueIssues(value: string): Issue[] {
  if (value.length > 63) return [invalid('metadata.labels', value, 'must be no more than 63 bytes')]
  return value === '' || isNamePart(value) ? [] : [invalid('metadata.labels', value, VALUE_TEXT)]
}

function annotationIssues(metadata: JsonObject): Issue[] {
  const entries = entriesOf(own(metadata, 'annotations'))
  const bytes = entries.reduce((sum, [key, value]) => sum + Buffer.byteLength(key) + Buffer.byteLength(value), 0)
  return [
    ...entries.flatMap(([key]) => qualifiedIssues('metadata.annotations', key.toLowerCase(), key)),
    ...(bytes > ANNOTATIONS_BYTES_MAX ? [tooLong('metadata.annotations', ANNOTATIONS_BYTES_MAX)] : []),
  ]
}

function finalizerIssues(metadata: JsonObject): Issue[] {
  const finalizers = own(metadata, 'finalizers')
  return (Array.isArray(finalizers) ? finalizers : []).flatMap((finalizer, index) =>
    qualifiedIssues(`metadata.finalizers[${index}]`, String(finalizer)),
  )
}

/** `name` or `prefix.example/name`. */
function qualifiedIssues(field: string, key: string, given = key): Issue[] {
  const parts = key.split('/')
  const [prefix, name] = parts.length > 1 ? [parts[0] ?? '', parts.slice(1).join('/')] : [null, key]
  if (parts.length > 2) {
    return [
      invalid(field, given, `a qualified name ${NAME_PART_TEXT} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`),
    ]
  }
  const issues: Issue[] = []
  if (prefix === '') issues.push(invalid(field, given, 'prefix part must be non-empty'))
  else if (prefix !== null && !isSubdomain(prefix)) issues.push(invalid(field, given, `prefix part ${SUBDOMAIN_TEXT}`))
  if (name === '') issues.push(invalid(field, given, 'name part must be non-empty'))
  else if (name.length > 63) issues.push(invalid(field, given, 'name part must be no more than 63 bytes'))
  else if (!isNamePart(name)) issues.push(invalid(field, given, `name part ${NAME_PART_TEXT}`))
  return issues
}

const entriesOf = (value: unknown): readonly (readonly [string, string])[] =>
  isJsonObject(value) ? Object.entries(value).map(([key, item]) => [key, String(item)] as const) : []
