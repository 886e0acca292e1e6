import { KINDS, type Kind } from '../../crds/kinds.ts'
import { readStored } from '../../crds/schema/index.ts'
import { isJsonObject } from '../../crds/schema/types.ts'
import { equal } from '../../crds/schema/equal.ts'
import { deepFreeze } from './freeze.ts'
import type { Resource } from './port.ts'

/** Between a row and an object. The row's version is the object's resourceVersion and is not kept twice. */

export function encode(object: Resource): string {
  const { resourceVersion: _version, ...metadata } = object.metadata
  return JSON.stringify({ ...object, metadata })
}

/** Decoded again by today's definition: what was stored under an older one lacks its new defaults. */
export function decode(body: string, version: number): Resource {
  const parsed: unknown = JSON.parse(body)
  const kind = KINDS.find((each) => isJsonObject(parsed) && each.kind === parsed['kind'])
  if (!kind) throw new Error(`the stored object at version ${version} is of a kind we do not know`)
  const stored = kind.kind === 'Event' && isJsonObject(parsed) ? parsed : readStored(kind, parsed)
  const metadata = isJsonObject(stored['metadata']) ? stored['metadata'] : {}
  const object: unknown = { ...stored, metadata: { ...metadata, resourceVersion: String(version) } }
  if (!isResource(object)) throw new Error(`the stored object at version ${version} has no name or uid`)
  return deepFreeze(object)
}

const isResource = (value: unknown): value is Resource =>
  isJsonObject(value) &&
  typeof value['kind'] === 'string' &&
  typeof value['apiVersion'] === 'string' &&
  isJsonObject(value['metadata']) &&
  typeof value['metadata']['name'] === 'string' &&
  typeof value['metadata']['uid'] === 'string'

export const namespaceOf = (object: Resource): string => object.metadata.namespace ?? ''

/** What selectors look at. */
export interface Selectable {
  readonly labels: Readonly<Record<string, string>>
  readonly fields: Readonly<Record<string, string>>
}

export function selectableOf(kind: Kind, object: Resource): Selectable {
  const { name, namespace, labels } = object.metadata
  const fields = kind.selectableFields.map((path) => [path.replace(/^\./, ''), fieldAt(object, path)] as const)
  return { labels: labels ?? {}, fields: { 'metadata.name': name, 'metadata.namespace': namespace ?? '', ...Object.fromEntries(fields) } }
}

export const fieldNames = (kind: Kind): readonly string[] => [
  'metadata.name',
  'metadata.namespace',
  ...kind.selectableFields.map((path) => path.replace(/^\./, '')),
]

function fieldAt(object: unknown, path: string): string {
  const value = path
    .split('.')
    .filter((part) => part !== '')
    .reduce<unknown>((at, part) => (isJsonObject(at) && Object.hasOwn(at, part) ? at[part] : undefined), object)
  return value === undefined || value === null || typeof value === 'object' ? '' : String(value)
}

/** What selectors saw before a change, kept with it only where it differs: a watcher must learn that an object left its selection. */
export function selectableBefore(kind: Kind, old: Resource, next: Resource): Selectable | null {
  const before = selectableOf(kind, old)
  return equal(before, selectableOf(kind, next)) ? null : before
}

export function selectableFrom(value: unknown): Selectable | null {
  if (!isJsonObject(value)) return null
  return { labels: stringsOf(value['labels']), fields: stringsOf(value['fields']) }
}

function stringsOf(value: unknown): Readonly<Record<string, string>> {
  if (!isJsonObject(value)) return {}
  return Object.fromEntries(Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === 'string'))
}
