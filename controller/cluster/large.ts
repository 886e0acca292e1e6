import { setImmediate as nextTurn } from 'node:timers/promises'
import { JSON_VALUES_MAX } from '../../crds/schema/parse.ts'
import { isJsonObject } from '../../crds/schema/types.ts'
import { Refused } from '../kernel/errors.ts'
import type { Resource } from './port.ts'

/**
 * Objects of very many values: each of them costs some time at every step of a write. None may have more than a body may, or
 * many small patches made what nobody could send at once; and between two steps on a large one others are served.
 */

const LARGE = 1_000

/** Who adds nothing is let through: what the server itself wrote into it, and a newer definition, are values too. */
export function refuseTooManyValues(next: unknown, old: Resource): void {
  if (valuesIn(next, JSON_VALUES_MAX) <= JSON_VALUES_MAX) return
  const had = valuesIn(old, Number.POSITIVE_INFINITY)
  if (valuesIn(next, had) <= had) return
  throw new Refused('RequestEntityTooLarge', `the object would have more than ${JSON_VALUES_MAX} values`)
}

export const isLarge = (object: unknown): boolean => valuesIn(object, LARGE) > LARGE

export { nextTurn }

/** Objects and lists do not count themselves, as in a body; nobody counts much further than `most`. */
function valuesIn(value: unknown, most: number): number {
  if (!Array.isArray(value) && !isJsonObject(value)) return 1
  let count = 0
  for (const each of Array.isArray(value) ? value : Object.values(value)) {
    count += valuesIn(each, most - count)
    if (count > most) break
  }
  return count
}
