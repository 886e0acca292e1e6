import { expect, test } from 'vitest'
import { createQueue, type KeyedQueue } from '../../controller/kernel/queue.ts'
import { steppedClock, type SteppedClock } from '../support/clock.ts'

interface Bench {
  readonly clock: SteppedClock
  readonly queue: KeyedQueue<string>
  readonly worked: string[]
  readonly bugs: string[]
  /** Ends the work that runs on a key. */
  readonly end: (key: string, error?: Error) => Promise<void>
}

/** A queue whose work ends when the test says so. */
function bench(workers = 2): Bench {
  const clock = steppedClock()
  const worked: string[] = []
  const bugs: string[] = []
  const running = new Map<string, (error?: Error) => void>()
  const queue = createQueue<string>({
    clock,
    workers,
    backoffFirstMs: 1000,
    backoffMostMs: 8000,
    random: () => 1,
    work: (key) => {
      worked.push(key)
      return new Promise((resolve, reject) => running.set(key, (error) => (error ? reject(error) : resolve())))
    },
    onBug: (key) => bugs.push(key),
  })
  const end = async (key: string, error?: Error) => {
    running.get(key)?.(error)
    await clock.step(0)
  }
  return { clock, queue, worked, bugs, end }
}

test('a key that is added often is worked on once', async () => {
  const { clock, queue, worked } = bench()
  queue.add('a')
  queue.add('a')
  await clock.step(0)
  expect(worked).toEqual(['a'])
})

test('a key that is added while it is worked on is worked on again, and never twice at once', async () => {
  const { clock, queue, worked, end } = bench()
  queue.add('a')
  await clock.step(0)
  queue.add('a')
  queue.add('a')
  await clock.step(0)
  expect(worked).toEqual(['a'])
  await end('a')
  expect(worked).toEqual(['a', 'a'])
  await end('a')
  expect([worked, queue.depth()]).toEqual([['a', 'a'], 0])
})

test('no more keys are worked on at once than there are workers, in the order they came', async () => {
  const { clock, queue, worked, end } = bench(2)
  for (const key of ['a', 'b', 'c', 'd']) queue.add(key)
  await clock.step(0)
  expect([worked, queue.depth()]).toEqual([['a', 'b'], 4])
  await end('b')
  expect(worked).toEqual(['a', 'b', 'c'])
})

test('of several instants the earliest counts', async () => {
  const { clock, queue, worked } = bench()
  queue.addAt('a', clock.now() + 5000)
  queue.addAt('a', clock.now() + 2000)
  queue.addAt('a', clock.now() + 9000)
  await clock.step(1999)
  expect(worked).toEqual([])
  await clock.step(1)
  expect(worked).toEqual(['a'])
})

test('being worked on fulfils an appointment: it is not worked on again for it', async () => {
  const { clock, queue, worked, end } = bench()
  queue.addAt('a', clock.now() + 5000)
  queue.add('a')
  await clock.step(0)
  await end('a')
  await clock.step(10_000)
  expect(worked).toEqual(['a'])
})

test('each failure in a row doubles the wait, up to a limit, until the key is well', async () => {
  const { clock, queue } = bench()
  const waits = Array.from({ length: 6 }, () => queue.retry('a') - clock.now())
  queue.forget('a')
  expect([...waits, queue.retry('a') - clock.now()]).toEqual([1000, 2000, 4000, 8000, 8000, 8000, 1000])
})

test('who says when to ask again is not asked before', async () => {
  const { clock, queue } = bench()
  expect([queue.retry('a', 5000) - clock.now(), queue.retry('b') - clock.now()]).toEqual([6000, 1000])
})

test('work that throws is told and tried again, and holds up nobody', async () => {
  const { clock, queue, worked, bugs, end } = bench(1)
  queue.add('a')
  queue.add('b')
  await clock.step(0)
  await end('a', new Error('a bug'))
  expect([worked, bugs]).toEqual([['a', 'b'], ['a']])
  await end('b')
  await clock.step(1000)
  expect(worked).toEqual(['a', 'b', 'a'])
})

test('stopping waits for what runs, and takes nothing more', async () => {
  const { clock, queue, worked, end } = bench()
  queue.add('a')
  queue.addAt('b', clock.now() + 1000)
  await clock.step(0)
  let stopped = false
  const stopping = queue.stop().then(() => (stopped = true))
  queue.add('c')
  await clock.step(5000)
  expect(stopped).toBe(false)
  await end('a')
  await stopping
  expect([worked, queue.depth()]).toEqual([['a'], 0])
})
