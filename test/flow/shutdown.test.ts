import { expect, test } from 'vitest'
import { systemClock } from '../../controller/kernel/clock.ts'
import { silentLog } from '../../controller/kernel/log.ts'
import { closeInOrder } from '../../controller/shutdown.ts'
import { steppedClock } from '../support/clock.ts'

test('everything closes in the order given, also after one that fails', async () => {
  const closed: string[] = []
  const step = (name: string) => ({ name, limitMs: 1000, close: () => void closed.push(name) })
  const failing = { name: 'http', limitMs: 1000, close: () => Promise.reject(new Error('no')) }
  const outcomes = await closeInOrder([step('work'), failing, step('agents'), step('database')], systemClock, silentLog)
  expect(closed).toEqual(['work', 'agents', 'database'])
  expect(outcomes.map(({ name, error }) => [name, error])).toEqual([
    ['work', null],
    ['http', 'no'],
    ['agents', null],
    ['database', null],
  ])
})

test('what does not close within its limit keeps nobody else waiting', async () => {
  const clock = steppedClock()
  const closed: string[] = []
  const hanging = { name: 'agents', limitMs: 300, close: () => new Promise<void>(() => {}) }
  const closing = closeInOrder([hanging, { name: 'database', limitMs: 300, close: () => void closed.push('database') }], clock, silentLog)
  await clock.step(299)
  expect(closed).toEqual([])
  await clock.step(1)
  expect((await closing).map(({ name, error }) => [name, error])).toEqual([
    ['agents', 'not closed within 300 ms'],
    ['database', null],
  ])
})
