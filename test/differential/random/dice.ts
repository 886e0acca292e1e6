/** Chance that can be repeated: the same seed throws the same. */
export interface Dice {
  /** 0 up to, not including, `sides`. */
  roll(sides: number): number
  chance(probability: number): boolean
  pick<T>(from: readonly T[]): T
}

export function diceOf(seed: number): Dice {
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const roll = (sides: number): number => Math.floor(next() * sides)
  return {
    roll,
    chance: (probability) => next() < probability,
    pick: <T>(from: readonly T[]): T => {
      const picked = from[roll(from.length)]
      if (picked === undefined && from.length === 0) throw new Error('nothing to pick from')
      return picked as T
    },
  }
}
