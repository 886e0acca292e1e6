import { exponentialMs } from '../kernel/backoff.ts'
import type { Clock } from '../kernel/clock.ts'
import type { Log } from '../kernel/log.ts'
import type { Key } from '../kernel/names.ts'
import type { KeyedQueue } from '../kernel/queue.ts'

/** A look that acts is followed by another at once, but not for ever: rules that never settle are a bug that must not spin. */
export interface Turns {
  /** Whether the next look follows at once. */
  acted(key: Key): boolean
  settled(key: Key): void
}

const AT_ONCE_MAX = 8
const PAUSE_FIRST_MS = 1_000
const PAUSE_MOST_MS = 60_000

export function createTurns(clock: Clock, log: Log, queue: () => Pick<KeyedQueue<Key>, 'add' | 'addAt'>): Turns {
  const turns = new Map<Key, number>()
  return {
    acted(key) {
      const turn = (turns.get(key) ?? 0) + 1
      turns.set(key, turn)
      if (turn <= AT_ONCE_MAX) {
        queue().add(key)
        return true
      }
      log.warn('an object does not settle', { key, turn })
      queue().addAt(key, clock.now() + exponentialMs(turn - AT_ONCE_MAX, PAUSE_FIRST_MS, PAUSE_MOST_MS))
      return false
    },
    settled: (key) => void turns.delete(key),
  }
}
