/**
 * How much the rules of one object may cost. Rules run on the thread that serves everybody, and a definition may bound a list
 * at thousands; a unit is about a step of the engine, so that all of them together stay well under a tenth of a second.
 */
const UNITS = 2_000_000

export class OutOfBudget extends Error {}

export class Budget {
  #left: number

  constructor(units = UNITS) {
    this.#left = units
  }

  spend(units: number): void {
    this.#left -= units
    if (this.#left < 0) throw new OutOfBudget('running out of cost budget')
  }
}

/** Rules are asked one at a time and to the end, so the functions they call need not be told whose budget it is. */
let current: Budget | null = null

export function within<T>(budget: Budget, work: () => T): T {
  const outer = current
  current = budget
  try {
    return work()
  } finally {
    current = outer
  }
}

const CHARACTERS_PER_UNIT = 16

/** A function that reads all of a text says so. */
export function reading(text: string): string {
  current?.spend(Math.ceil(text.length / CHARACTERS_PER_UNIT))
  return text
}
