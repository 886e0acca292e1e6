import type { Clock } from './clock.ts'
import type { Log } from './log.ts'

const LOOK_EVERY_MS = 5_000
/** A clock that is only corrected a little, or a process that was held up for a moment, is no jump. */
const JUMP_MS = 2_000

/**
 * The wall clock and the one that counts only go the same way, unless the machine slept or somebody set the time. Timers
 * count with the second, deadlines with the first: after a jump every appointment is at the wrong time.
 */
export async function watchClockJumps(clock: Clock, log: Log, onJump: () => void, over: AbortSignal): Promise<void> {
  let offset = clock.now() - clock.elapsedMs()
  while (!over.aborted) {
    await clock.sleep(LOOK_EVERY_MS, over)
    const next = clock.now() - clock.elapsedMs()
    const jumpedMs = Math.round(next - offset)
    // Slow drift is followed, so that it never adds up to a jump.
    offset = next
    if (Math.abs(jumpedMs) <= JUMP_MS || over.aborted) continue
    log.warn('the clock jumped; everything is looked at again', { jumpedMs })
    onJump()
  }
}
