import { isJsonObject } from '../../../crds/schema/types.ts'
import type { Answer } from './run.ts'

/** One place in an answer where the two servers say different things. */
export interface Difference {
  /** `body.metadata.generation`, `code`. */
  readonly path: string
  /** As JSON; empty: there is nothing. */
  readonly real: string
  readonly ours: string
}

/** Two answers to one step, and where they differ. */
export interface Disagreement {
  readonly scenario: string
  readonly step: string
  readonly real: Answer
  readonly ours: Answer
  readonly differences: readonly Difference[]
}

export function differencesOf(real: Answer | undefined, ours: Answer | undefined): readonly Difference[] {
  const [theirs, mine] = [flat(real), flat(ours)]
  return [...new Set([...theirs.keys(), ...mine.keys()])]
    .toSorted()
    .map((path) => ({ path, real: theirs.get(path) ?? '', ours: mine.get(path) ?? '' }))
    .filter((each) => each.real !== each.ours)
}

function flat(value: unknown): ReadonlyMap<string, string> {
  const found = new Map<string, string>()
  const visit = (at: unknown, path: string): void => {
    const entries = Array.isArray(at) ? at.map((item, i) => [String(i), item] as const) : isJsonObject(at) ? Object.entries(at) : null
    if (entries === null || entries.length === 0) return void (at !== undefined && found.set(path, JSON.stringify(at)))
    for (const [name, item] of entries) visit(item, path === '' ? name : `${path}.${name}`)
  }
  visit(value, '')
  return found
}
