import { isJsonObject, own, type JsonObject } from '../../crds/schema/types.ts'
import { Refused } from '../kernel/errors.ts'

/**
 * kubectl patches the kinds it was compiled with in a form of its own. Of the kinds we serve, only two lists of metadata are
 * merged in it; everything else is a merge patch with some directions beside it. Pure.
 */

export const STRATEGIC_PATCH = 'application/strategic-merge-patch+json'

const MERGED: Readonly<Record<string, (item: unknown) => unknown>> = {
  finalizers: (item) => item,
  ownerReferences: (item) => (isJsonObject(item) ? own(item, 'uid') : undefined),
}

const DELETE_PREFIX = '$deleteFromPrimitiveList/'

/** The same change of `old`, as a merge patch. */
export function mergePatchOf(patch: unknown, old: unknown): unknown {
  if (!isJsonObject(patch)) throw new Refused('BadRequest', 'a patch must be a JSON object')
  const metadata = own(patch, 'metadata')
  if (!isJsonObject(metadata)) return plain(patch)
  const was = isJsonObject(old) && isJsonObject(own(old, 'metadata')) ? own(old, 'metadata') : {}
  const lists = Object.keys(MERGED).flatMap((name) => {
    const list = mergedList(name, metadata, isJsonObject(was) ? own(was, name) : undefined)
    return list === null ? [] : [[name, list] as const]
  })
  // What was read of them must still be so when it is written.
  const version = lists.length > 0 && isJsonObject(was) ? { resourceVersion: own(was, 'resourceVersion') } : {}
  return plain({ ...patch, metadata: { ...version, ...metadata, ...Object.fromEntries(lists) } })
}

/** null: the patch says nothing of it, or takes all of it away. */
function mergedList(name: string, metadata: JsonObject, old: unknown): readonly unknown[] | null {
  const given = own(metadata, name)
  if (!Array.isArray(given) && !Array.isArray(own(metadata, DELETE_PREFIX + name))) return null
  const keyOf = (item: unknown) => JSON.stringify(MERGED[name]?.(item))
  const added = listed(given).filter((item) => !isRemoval(item))
  const gone = [
    ...listed(own(metadata, DELETE_PREFIX + name)).map((key) => JSON.stringify(key)),
    ...listed(given).filter(isRemoval).map(keyOf),
  ]
  const moved = new Set([...gone, ...added.map(keyOf)])
  return [...listed(old).filter((item) => !moved.has(keyOf(item))), ...added]
}

const listed = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [])

const isRemoval = (item: unknown): boolean => isJsonObject(item) && own(item, '$patch') === 'delete'

/** Without directions; what is to be replaced as a whole is beyond a merge patch, and beyond what kubectl sends of these kinds. */
function plain(value: unknown): unknown {
  if (!isJsonObject(value)) return value
  if (Object.hasOwn(value, '$patch')) throw new Refused('BadRequest', '$patch is not available without a cluster: use --type=merge')
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name]) => !/^\$(?:setElementOrder|deleteFromPrimitiveList)\/|^\$retainKeys$/.test(name))
      .map(([name, each]) => [name, plain(each)]),
  )
}
