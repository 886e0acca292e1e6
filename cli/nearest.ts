import type { Schema } from '../crds/schema/types.ts'

/** The names that may stand where the last step of this path stands. */
export function neighboursOf(schema: Schema, path: string): readonly string[] {
  let at: Schema | null = schema
  for (const step of path.split('.').slice(0, -1)) {
    at = at?.properties.get(step.replace(/\[.*$/, '')) ?? null
    if (step.endsWith(']')) at = at?.items ?? null
  }
  return [...(at?.properties.keys() ?? [])]
}

const DISTANCE_MAX = 2

/** The name that was probably meant; null where none is near. */
export function nearest(name: string, names: readonly string[]): string | null {
  const ranked = names.map((each) => ({ each, distance: distanceOf(name.toLowerCase(), each.toLowerCase()) }))
  const [best] = ranked
    .filter(({ distance }) => distance <= Math.min(DISTANCE_MAX, name.length - 1))
    .toSorted((a, b) => a.distance - b.distance)
  return best?.each ?? null
}

/** How many letters have to be put in, left out, exchanged or swapped with the next one. */
function distanceOf(a: string, b: string): number {
  let before: readonly number[] = []
  let row: readonly number[] = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i]
    for (let j = 1; j <= b.length; j += 1) {
      const exchanged = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      const isSwap = a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      const swapped = isSwap ? (before[j - 2] ?? 0) + 1 : Number.POSITIVE_INFINITY
      next.push(Math.min(exchanged, swapped, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1))
    }
    before = row
    row = next
  }
  return row[b.length] ?? 0
}
