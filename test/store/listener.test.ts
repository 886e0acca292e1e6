import { expect, test } from 'vitest'
import { systemClock } from '../../controller/kernel/clock.ts'
import { silentLog } from '../../controller/kernel/log.ts'
import { createListener } from '../../controller/store/listener.ts'
import { until } from '../support/until.ts'

/** Connections that do what a test says when, so that what lies between two of their answers can be reached. */
function line(onQuery: (sql: string) => Promise<unknown>) {
  const queries: string[] = []
  const broken: (() => void)[] = []
  let ended = false
  const opened = {
    on: () => {},
    once: (_event: 'end' | 'error', heard: () => void) => void broken.push(heard),
    query: (sql: string) => {
      queries.push(sql)
      return onQuery(sql)
    },
    end: async () => {
      ended = true
    },
  }
  return { opened, queries, breaks: () => broken.forEach((heard) => heard()), ended: () => ended }
}

const quick = () => Promise.resolve()

test('a channel that is first listened to while the connection is made again is heard on the new one', async () => {
  const answer = Promise.withResolvers<void>()
  const [first, second] = [line(quick), line(() => answer.promise)]
  const lines = [first, second]
  const listener = createListener({ log: silentLog, clock: systemClock, connect: async () => lines.shift()?.opened ?? line(quick).opened })
  await listener.listen(
    'bothy_keys',
    () => {},
    () => {},
  )
  first.breaks()
  await until('the second to be asked', () => second.queries.length === 1)
  const stop = listener.listen(
    'bothy_jobs',
    () => {},
    () => {},
  )
  await stop
  answer.resolve()
  await until('both channels', () => second.queries.length === 2)
  expect(second.queries).toEqual(['listen bothy_keys', 'listen bothy_jobs'])
  await listener.close()
})

test('a connection that fails while it is made ready is closed', async () => {
  const bad = line(() => Promise.reject(new Error('no')))
  const listener = createListener({ log: silentLog, clock: systemClock, connect: async () => bad.opened })
  await expect(
    listener.listen(
      'bothy_keys',
      () => {},
      () => {},
    ),
  ).rejects.toThrow('no')
  expect(bad.ended()).toBe(true)
  await listener.close()
})
