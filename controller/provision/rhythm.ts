import type { Clock } from '../kernel/clock.ts'
import { messageOf } from '../kernel/errors.ts'
import type { Log } from '../kernel/log.ts'

/** At once, and again `ms` after each end; a failure is for the next time. Resolves when it is over. */
export function every(clock: Clock, ms: number, over: AbortSignal, log: Log, work: () => Promise<void>): Promise<void> {
  const loop = async (): Promise<void> => {
    while (!over.aborted) {
      await work().catch((error: unknown) => log.warn('will be tried again', { error: messageOf(error) }))
      await clock.sleep(ms, over)
    }
  }
  return loop()
}

/** Asked again while it runs, it runs once more afterwards. Never rejects. */
export function oneAtATime(work: () => Promise<void>, log: Log): () => Promise<void> {
  let current: Promise<void> | null = null
  let again = false
  const loop = async (): Promise<void> => {
    do {
      again = false
      await work().catch((error: unknown) => log.warn('will be tried again', { error: messageOf(error) }))
    } while (again)
    current = null
  }
  return () => {
    if (current) again = true
    return (current ??= loop())
  }
}
