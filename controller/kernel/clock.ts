/** A point in time: milliseconds since 1970, UTC. Only this file asks the operating system for it. */
export type Instant = number

export type Cancel = () => void

export interface Clock {
  now(): Instant
  /** Milliseconds that never run backwards, for measuring how long something took. */
  elapsedMs(): number
  /** Calls `work` once, `ms` from now. The timer does not keep the process alive. */
  after(ms: number, work: () => void): Cancel
  /** Resolves after `ms`, or at once when `signal` aborts: the caller looks at the signal, nothing is thrown. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}

/** setTimeout takes a signed 32-bit number of milliseconds and fires at once beyond it. */
const TIMER_MS_MAX = 2 ** 31 - 1

export const systemClock: Clock = Object.freeze({
  now: () => Date.now(),
  elapsedMs: () => performance.now(),
  after(ms: number, work: () => void): Cancel {
    const timer = setTimeout(work, Math.min(Math.max(ms, 0), TIMER_MS_MAX))
    timer.unref()
    return () => clearTimeout(timer)
  },
  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted) return resolve()
      const done = () => {
        clearTimeout(timer)
        signal?.removeEventListener('abort', done)
        resolve()
      }
      // Not unref'd: somebody awaits this, and a process must not end under an awaited promise.
      const timer = setTimeout(done, Math.min(Math.max(ms, 0), TIMER_MS_MAX))
      signal?.addEventListener('abort', done)
    })
  },
})

const MILLISECONDS = '.000Z'

export const toIso = (at: Instant): string => `${new Date(at).toISOString().slice(0, -MILLISECONDS.length)}Z`

/** null where the text is no instant. */
export function fromIso(text: string | undefined | null): Instant | null {
  if (!text) return null
  const at = Date.parse(text)
  return Number.isNaN(at) ? null : at
}

/** Rejects with `late()` when `work` takes longer than `ms`; the work itself is not ended by it. */
export async function within<T>(clock: Clock, ms: number, work: Promise<T>, late: () => Error): Promise<T> {
  const over = new AbortController()
  try {
    return await Promise.race([
      work,
      clock.sleep(ms, over.signal).then(() => {
        // `late` may undo things; it is not asked when the work was in time.
        if (over.signal.aborted) return work
        throw late()
      }),
    ])
  } finally {
    over.abort()
  }
}
