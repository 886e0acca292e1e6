import { exponentialMs, jittered } from './backoff.ts'
import type { Cancel, Clock, Instant } from './clock.ts'

/**
 * Keys to look at. A key waits at most once, is worked on by one worker at a time, and is worked on again when it was
 * added while that happened: nothing said in the meantime is lost.
 *
 *   add ──► waiting ──► running ──► idle
 *   addAt ──► timer ──► waiting        ▲ added again while running: waiting once more
 */
export interface KeyedQueue<Key extends string> {
  /** Now. A later appointment of the same key is kept only if it is made again. */
  add(key: Key): void
  /** At an instant; of several the earliest counts. */
  addAt(key: Key, at: Instant): void
  /** Again after a failure, and never before `leastMs`: later with each in a row, until `forget`. Answers the instant. */
  retry(key: Key, leastMs?: number): Instant
  /** The key is well: its next failure counts as the first. */
  forget(key: Key): void
  /** Waiting and running, without what has an appointment later. */
  depth(): number
  /** Takes no more and resolves when what runs has ended. */
  stop(): Promise<void>
}

export interface QueueOptions<Key extends string> {
  readonly clock: Clock
  readonly workers: number
  readonly backoffFirstMs: number
  readonly backoffMostMs: number
  /** 0 … 1, for jitter. */
  readonly random: () => number
  /** Must not throw; a throw is told to `onBug` and the key is tried again with backoff. */
  readonly work: (key: Key) => Promise<void>
  readonly onBug: (key: Key, error: unknown) => void
}

interface Appointment {
  readonly at: Instant
  readonly cancel: Cancel
}

export function createQueue<Key extends string>(options: QueueOptions<Key>): KeyedQueue<Key> {
  const { clock } = options
  /** Insertion order is order of service. */
  const waiting = new Set<Key>()
  const running = new Map<Key, Promise<void>>()
  const appointments = new Map<Key, Appointment>()
  const failures = new Map<Key, number>()
  let stopped = false

  const add = (key: Key): void => {
    if (stopped) return
    waiting.add(key)
    serve()
  }

  const addAt = (key: Key, at: Instant): void => {
    if (stopped) return
    const known = appointments.get(key)
    if (known && known.at <= at) return
    known?.cancel()
    appointments.set(key, { at, cancel: clock.after(at - clock.now(), () => keep(key, at)) })
  }

  // A timer may fire early: timers are bounded, and a clock can be set back.
  const keep = (key: Key, at: Instant): void => {
    appointments.delete(key)
    if (clock.now() >= at) add(key)
    else addAt(key, at)
  }

  const retry = (key: Key, leastMs = 0): Instant => {
    const count = (failures.get(key) ?? 0) + 1
    failures.set(key, count)
    const backoffMs = jittered(exponentialMs(count, options.backoffFirstMs, options.backoffMostMs), options.random())
    // Beyond it, not at it: many were told the same.
    const at = clock.now() + Math.ceil(leastMs + backoffMs)
    addAt(key, at)
    return at
  }

  const serve = (): void => {
    for (const key of waiting) {
      if (stopped || running.size >= options.workers) return
      if (running.has(key)) continue
      waiting.delete(key)
      appointments.get(key)?.cancel()
      appointments.delete(key)
      running.set(key, run(key))
    }
  }

  const run = async (key: Key): Promise<void> => {
    // Not within add(): whoever adds many keys adds them all before the first is looked at.
    await Promise.resolve()
    try {
      await options.work(key)
    } catch (error) {
      options.onBug(key, error)
      retry(key)
    }
    running.delete(key)
    serve()
  }

  return {
    add,
    addAt,
    retry,
    forget: (key) => void failures.delete(key),
    depth: () => waiting.size + running.size,
    async stop() {
      stopped = true
      waiting.clear()
      for (const { cancel } of appointments.values()) cancel()
      appointments.clear()
      await Promise.all(running.values())
    },
  }
}
