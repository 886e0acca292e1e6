import type { Clock } from '../kernel/clock.ts'
import { messageOf, Transient } from '../kernel/errors.ts'
import type { Log } from '../kernel/log.ts'

/**
 * When to sweep (sweep.ts). The rows say what there is to be done, so nothing needs to be remembered and a sweep may run at any
 * time, in any process.
 */

export interface Garbage {
  /** Something was deleted or came with owners: look soon. */
  look(): void
  close(): Promise<void>
}

interface Ports {
  readonly clock: Clock
  readonly log: Log
  readonly sweep: (signal: AbortSignal) => Promise<void>
}

/** Also unasked: another process may have ended between a deletion and its consequences. */
const SWEEP_EVERY_MS = 30_000
const RETRY_MS = 1_000

export function createGarbage({ clock, log, sweep }: Ports): Garbage {
  const over = new AbortController()
  let awake = new AbortController()
  let wanted = true

  const rest = async (ms: number): Promise<void> => {
    awake = new AbortController()
    if (!wanted) await clock.sleep(ms, AbortSignal.any([over.signal, awake.signal]))
  }

  const run = async (): Promise<void> => {
    while (!over.signal.aborted) {
      wanted = false
      try {
        await sweep(over.signal)
        await rest(SWEEP_EVERY_MS)
      } catch (error) {
        const passes = error instanceof Transient
        log[passes ? 'debug' : 'warn']('garbage stays for now', { error: messageOf(error) })
        await clock.sleep(passes ? RETRY_MS : SWEEP_EVERY_MS, over.signal)
      }
    }
  }
  const running = run()

  return {
    look() {
      wanted = true
      awake.abort()
    },
    async close() {
      over.abort()
      await running
    },
  }
}
