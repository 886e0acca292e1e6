/**
 * What two states have in common when names that each made up by itself are put aside: every uuid is called by where it is
 * first found, so that a reference to an agent is the same on both sides, and one to another agent is not.
 */

export type Flat = ReadonlyMap<string, string>

const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g

export interface StateFile {
  readonly resources: readonly {
    readonly module?: string
    readonly mode: string
    readonly type: string
    readonly name: string
    readonly instances: readonly {
      readonly index_key?: string | number
      readonly attributes: Readonly<Record<string, unknown>>
      readonly sensitive_attributes?: unknown
    }[]
  }[]
}

/** One line a value: where it is, and what it is. Only of types that the provider serves, and of what made things from them. */
export function flatState(text: string, given: readonly string[]): Flat {
  const state: StateFile = JSON.parse(text)
  const lines = state.resources.flatMap(({ module, mode, type, name, instances }) =>
    instances.flatMap(({ index_key, attributes, sensitive_attributes }) => {
      const index = index_key === undefined ? '' : `[${JSON.stringify(index_key)}]`
      const address = `${module ? `${module}.` : ''}${mode === 'data' ? 'data.' : ''}${type}.${name}${index}`
      return [...flat(attributes, address), [`${address} (sensitive)`, stable(sensitive_attributes ?? [])] as const]
    }),
  )
  return named(lines, given)
}

/** Objects become paths, so that a difference is one line; an item of a set is found by what it says. */
export function flat(value: unknown, path: string): readonly (readonly [string, string])[] {
  if (Array.isArray(value)) {
    if (value.length === 0) return [[path, '[]']]
    return value.flatMap((item, i) => flat(item, `${path}[${i}]`))
  }
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
    return entries.length === 0 ? [[path, '{}']] : entries.flatMap(([name, item]) => flat(item, `${path}.${name}`))
  }
  return [[path, JSON.stringify(value)]]
}

const stable = (value: unknown): string => JSON.stringify(Array.isArray(value) ? value.map((each) => JSON.stringify(each)).sort() : value)

/** Ids first: an agent's uuid is called after the agent, wherever else it stands. */
export function named(lines: readonly (readonly [string, string])[], given: readonly string[]): Flat {
  const names = new Map<string, string>()
  const sorted = lines.toSorted(([a], [b]) => rank(a) - rank(b) || (a < b ? -1 : 1))
  for (const [path, value] of sorted) {
    for (const uuid of value.match(UUID) ?? []) if (!names.has(uuid) && !given.includes(uuid)) names.set(uuid, `<${path}>`)
  }
  return new Map(lines.map(([path, value]) => [path, value.replace(UUID, (uuid) => names.get(uuid) ?? uuid)]))
}

const rank = (path: string): number => (/\.(id|token|subagent_id)$/.test(path) ? 0 : 1)

export interface Difference {
  readonly path: string
  readonly reference: string | undefined
  readonly ours: string | undefined
}

export const differences = (reference: Flat, ours: Flat): readonly Difference[] =>
  [...new Set([...reference.keys(), ...ours.keys()])]
    .sort()
    .map((path) => ({ path, reference: reference.get(path), ours: ours.get(path) }))
    .filter((each) => each.reference !== each.ours)
