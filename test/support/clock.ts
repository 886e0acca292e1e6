import type { Cancel, Clock, Instant } from '../../controller/kernel/clock.ts'

interface Timer {
  readonly at: Instant
  readonly work: () => void
}

export interface SteppedClock extends Clock {
  /** Moves on by `ms`, running what falls due on the way, in order. */
  step(ms: number): Promise<void>
}

/** A clock that stands still until a test steps it. */
export function steppedClock(start: Instant = Date.parse('2026-11-21T08:00:00Z')): SteppedClock {
  let now = start
  const timers = new Set<Timer>()
  const due = (limit: Instant) => [...timers].filter((timer) => timer.at <= limit).sort((a, b) => a.at - b.at)[0]

  const after = (ms: number, work: () => void): Cancel => {
    const timer: Timer = { at: now + Math.max(ms, 0), work }
    timers.add(timer)
    return () => timers.delete(timer)
  }

  return {
    now: () => now,
    elapsedMs: () => now - start,
    after,
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        if (signal?.aborted) return resolve()
        const cancel = after(ms, resolve)
        signal?.addEventListener('abort', () => (cancel(), resolve()))
      }),
    async step(ms) {
      const end = now + ms
      for (let next = due(end); next; next = due(end)) {
        timers.delete(next)
        now = next.at
        next.work()
        await new Promise((resolve) => setImmediate(resolve))
      }
      now = end
      await new Promise((resolve) => setImmediate(resolve))
    },
  }
}
