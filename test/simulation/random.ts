/** Chance that can be had again: everything in a simulation comes from one seed. */
export interface Random {
  /** 0 … 1. */
  next(): number
  chance(probability: number): boolean
  /** Whole, both ends included. */
  between(least: number, most: number): number
  pick<T>(from: readonly [T, ...T[]]): T
  /** Until the next of something that happens every `meanMs` on average. */
  waitMs(meanMs: number): number
}

export function randomFrom(seed: number): Random {
  let state = seed >>> 0
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const between = (least: number, most: number) => least + Math.floor(next() * (most - least + 1))
  return {
    next,
    between,
    chance: (probability) => next() < probability,
    pick: ([first, ...rest]) => [first, ...rest][between(0, rest.length)] ?? first,
    waitMs: (meanMs) => Math.ceil(-Math.log(1 - next()) * meanMs),
  }
}
