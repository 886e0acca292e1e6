import { isTrue } from './list-options.ts'
import type { Target, Wish } from './ports.ts'
import { targetOf } from './resource-path.ts'

/** What a request asks for, read from its method and path alone: the one place that says it. */

const OF_ONE: Readonly<Record<string, string>> = { POST: 'create', PUT: 'update', PATCH: 'patch', DELETE: 'delete' }

/** Ways into a workspace without an upgrade. Whoever may take one way may take each: what can be done inside is the same. */
const PLAIN_WAYS_IN: ReadonlySet<string> = new Set(['files', 'open'])

export function wishOf(method: string, path: string, query: URLSearchParams, isUpgrade = false): Wish {
  const target = targetOf(path)
  if (!target) return { verb: method.toLowerCase(), group: '', resource: '', subresource: null, namespace: null, name: null, path }
  const { kind, name } = target
  // A namespace lies in itself, as far as rights go.
  const namespace = kind.kind === 'Namespace' ? name : target.namespace
  const enters = entersBy(target, isUpgrade)
  const verb = enters ? 'connect' : verbOf(method, target, query)
  return { verb, group: kind.group, resource: kind.plural, subresource: enters ? null : target.subresource, namespace, name, path }
}

const entersBy = ({ kind, subresource }: Target, isUpgrade: boolean): boolean =>
  kind.kind === 'Workspace' && subresource !== null && (isUpgrade || PLAIN_WAYS_IN.has(subresource))

function verbOf(method: string, { name }: Target, query: URLSearchParams): string {
  if (method === 'GET' || method === 'HEAD') {
    if (name !== null) return 'get'
    return isTrue(query, 'watch') ? 'watch' : 'list'
  }
  if (method === 'DELETE' && name === null) return 'deletecollection'
  return OF_ONE[method] ?? method.toLowerCase()
}
