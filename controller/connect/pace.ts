import type { Clock } from '../kernel/clock.ts'

/** How long somebody who sends more than their share has to wait before the next is taken: a bucket that fills by itself. */
export function createPace(clock: Clock, bytesPerSecond: number, burstBytes: number): (bytes: number) => number {
  let left = burstBytes
  let at = clock.elapsedMs()
  return (bytes) => {
    const now = clock.elapsedMs()
    left = Math.min(burstBytes, left + ((now - at) / 1000) * bytesPerSecond) - bytes
    at = now
    return left >= 0 ? 0 : (-left / bytesPerSecond) * 1000
  }
}
