import { SERVED } from '../../crds/kinds.ts'
import { Refused } from '../kernel/errors.ts'
import type { Target } from './ports.ts'

/**
 *   /api/v1/…  or  /apis/{group}/{version}/…
 *     {plural}[/{name}[/{subresource}]]
 *     namespaces/{namespace}/{plural}[/{name}[/{subresource}]]
 */
export function targetOf(path: string): Target | null {
  const [, root, ...rest] = path.split('/').map(decodedSegment)
  const [group, version, parts] = root === 'api' ? ['', rest[0], rest.slice(1)] : [rest[0], rest[1], rest.slice(2)]
  if ((root !== 'api' && root !== 'apis') || parts.length === 0 || parts.includes('')) return null
  const [first = '', second, third, ...more] = parts
  // `namespaces/x` is a namespace itself; with anything behind it, what lives there.
  const inside = first === 'namespaces' && third !== undefined
  const [namespace, plural, [name, subresource, ...tail]] = inside ? [second, third, more] : [null, first, parts.slice(1)]
  const kind = SERVED.find((each) => each.group === group && each.version === version && each.plural === plural)
  if (!kind || tail.length > 0 || (inside && !kind.namespaced) || (!inside && kind.namespaced && name !== undefined)) return null
  return { kind, namespace: namespace ?? null, name: name ?? null, subresource: subresource ?? null }
}

export const notServed = (path: string): Refused => new Refused('NotFound', `the server could not find the requested resource ${path}`)

function decodedSegment(segment: string): string {
  try {
    const decoded = decodeURIComponent(segment)
    // No name has one, and no database takes it.
    if (!decoded.includes('\0')) return decoded
  } catch {
    // Refused as well.
  }
  throw new Refused('BadRequest', 'the path is not well encoded')
}
