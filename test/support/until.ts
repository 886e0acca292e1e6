import { systemClock } from '../../controller/kernel/clock.ts'

/** Waits until `probe` answers something other than false, null or undefined; fails naming what was awaited. */
export async function until<T>(
  what: string,
  probe: () => T | Promise<T>,
  { limitMs = 60_000, everyMs = 20 } = {},
): Promise<NonNullable<T>> {
  const startedAt = systemClock.elapsedMs()
  let last: unknown
  for (;;) {
    try {
      const found = await probe()
      if (found !== false && found !== null && found !== undefined) return found
      last = found
    } catch (error) {
      last = error
    }
    if (systemClock.elapsedMs() - startedAt > limitMs)
      throw new Error(`waited ${limitMs} ms for ${what}; last: ${last instanceof Error ? last.stack : String(last)}`)
    await systemClock.sleep(everyMs)
  }
}
