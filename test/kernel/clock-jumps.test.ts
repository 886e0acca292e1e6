import { expect, test } from 'vitest'
import { watchClockJumps } from '../../controller/kernel/clock-jumps.ts'
import { silentLog } from '../../controller/kernel/log.ts'
import { steppedClock } from '../support/clock.ts'

/** A wall clock that a test sets, beside timers that only count. */
function watched() {
  const clock = steppedClock()
  let aheadMs = 0
  let jumps = 0
  const over = new AbortController()
  void watchClockJumps({ ...clock, now: () => clock.now() + aheadMs }, silentLog, () => (jumps += 1), over.signal)
  return { clock, set: (ms: number) => (aheadMs += ms), jumps: () => jumps, end: () => over.abort() }
}

test('a machine that slept, and a clock that was set back, are noticed once each', async () => {
  const { clock, set, jumps } = watched()
  await clock.step(60_000)
  expect(jumps()).toBe(0)
  set(3 * 3_600_000)
  await clock.step(5_000)
  expect(jumps()).toBe(1)
  set(-90_000)
  await clock.step(60_000)
  expect(jumps()).toBe(2)
})

test('a clock that is corrected little by little never jumps', async () => {
  const { clock, set, jumps } = watched()
  for (let i = 0; i < 100; i += 1) {
    set(1_500)
    await clock.step(5_000)
  }
  expect(jumps()).toBe(0)
})

test('nothing is watched any more once it is over', async () => {
  const { clock, set, jumps, end } = watched()
  end()
  set(3_600_000)
  await clock.step(60_000)
  expect(jumps()).toBe(0)
})
