import { onTestFinished } from 'vitest'
import type { Instant } from '../../controller/kernel/clock.ts'
import { steppedClock, type SteppedClock } from '../support/clock.ts'

const TICK_MS = 20

/** A clock that also goes on by itself. One step at a time: of two at once, the shorter would set the clock back to its own end. */
export function tickingClock(start: Instant, stepMs: number): SteppedClock {
  const clock = steppedClock(start)
  let last = Promise.resolve()
  const step = (ms: number) => (last = last.then(() => clock.step(ms)))
  const ticking = setInterval(() => void step(stepMs), TICK_MS)
  onTestFinished(() => clearInterval(ticking))
  return { ...clock, step }
}
