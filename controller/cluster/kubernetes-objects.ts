import type { Kind } from '../../crds/kinds.ts'
import { isJsonObject } from '../../crds/schema/types.ts'
import { Transient } from '../kernel/errors.ts'
import { deepFreeze } from './freeze.ts'
import type { ListOptions, Page, Resource } from './port.ts'
import { isSecret, withoutValues } from './secrets.ts'

/** Where the API server has a kind, and its answers as objects of ours. Pure. */

export interface Where {
  readonly namespace?: string
  readonly name?: string
  readonly subresource?: 'status'
}

export function pathOf({ group, version, plural, namespaced }: Kind, { namespace, name, subresource }: Where): string {
  const parts = [
    group === '' ? `/api/${version}` : `/apis/${group}/${version}`,
    ...(namespaced && namespace ? ['namespaces', encodeURIComponent(namespace)] : []),
    plural,
    ...(name === undefined ? [] : [encodeURIComponent(name)]),
    ...(subresource ? [subresource] : []),
  ]
  return parts.join('/')
}

export const selectorsOf = ({ labelSelector, fieldSelector }: ListOptions): Record<string, string | undefined> => ({
  labelSelector: labelSelector || undefined,
  fieldSelector: fieldSelector || undefined,
})

/** As everybody may see it: of a Secret its keys alone. */
export const objectFrom = (kind: Kind, value: unknown): Resource => {
  const object = wholeFrom(kind, value)
  return isSecret(object) ? deepFreeze(withoutValues(object)) : object
}

/** Without who manages which field, which is half of what a server sends, and of no use here. */
export function wholeFrom(kind: Kind, value: unknown): Resource {
  if (!isJsonObject(value) || !isJsonObject(value['metadata'])) throw strange(kind)
  const { apiVersion: _apiVersion, kind: _kind, metadata: given, ...rest } = value
  const { managedFields: _managedFields, ...metadata } = given
  // Items of a list of Kubernetes' own kinds do not say what they are, and those kinds count no generations.
  const object: unknown = { apiVersion: kind.apiVersion, kind: kind.kind, metadata: { generation: 1, ...metadata }, ...rest }
  if (!isResource(object)) throw strange(kind)
  return deepFreeze(object)
}

const strange = ({ kind }: Kind): Transient => new Transient(`what the API server answered is no ${kind}`)

const isResource = (value: unknown): value is Resource =>
  isJsonObject(value) &&
  isJsonObject(value['metadata']) &&
  typeof value['metadata']['name'] === 'string' &&
  typeof value['metadata']['uid'] === 'string'

export function pageFrom(kind: Kind, value: unknown): Page {
  if (!isJsonObject(value) || !isJsonObject(value['metadata']) || !(Array.isArray(value['items']) || value['items'] === null))
    throw strange(kind)
  const { resourceVersion, continue: next, remainingItemCount } = value['metadata']
  return {
    items: (value['items'] ?? []).map((item: unknown) => objectFrom(kind, item)),
    resourceVersion: String(resourceVersion),
    ...(typeof next === 'string' && next !== '' ? { continue: next } : {}),
    ...(typeof remainingItemCount === 'number' ? { remaining: remainingItemCount } : {}),
  }
}
