/** `firstMs`, doubled with each failure, never more than `mostMs`. `failures` counts from 1. */
export function exponentialMs(failures: number, firstMs: number, mostMs: number): number {
  return failures < 1 ? 0 : Math.min(mostMs, firstMs * 2 ** Math.min(failures - 1, 40))
}

/** Spread over the upper half, so that many who failed together do not come back together. `random` is 0 … 1. */
export const jittered = (ms: number, random: number): number => ms / 2 + (ms / 2) * random
