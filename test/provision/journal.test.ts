import { expect, test } from 'vitest'
import { silentLog } from '../../controller/kernel/log.ts'
import { createJournal, type Row } from '../../controller/provision/journal.ts'
import { steppedClock } from '../support/clock.ts'

function journalOf(append?: (rows: readonly Row[]) => Promise<void>) {
  const batches: (readonly Row[])[] = []
  const clock = steppedClock()
  const journal = createJournal({
    clock,
    log: silentLog,
    append:
      append ??
      (async (rows) => {
        batches.push(rows)
      }),
  })
  return { journal, clock, batches }
}

test('writes what came within a quarter of a second together, in order', async () => {
  const { journal, clock, batches } = journalOf()
  journal.write('info', 'one')
  journal.stage('Planning')
  journal.write('info', 'two')
  expect(batches).toEqual([])
  await clock.step(250)
  expect(batches.map((rows) => rows.map(({ stage, text }) => `${stage} ${text}`))).toEqual([['Preparing one', 'Planning two']])
})

test('does not wait when there are a hundred lines', async () => {
  const { journal, batches } = journalOf()
  for (let i = 0; i < 250; i += 1) journal.write('info', `line ${i}`)
  await journal.close()
  expect(batches.map((rows) => rows.length)).toEqual([100, 100, 50])
})

test('never writes what it was told to conceal', async () => {
  const { journal, batches } = journalOf()
  journal.conceal('a-long-secret')
  journal.conceal('abc')
  journal.write('error', 'it said a-long-secret, abc')
  await journal.close()
  expect(batches.flat().map(({ text }) => text)).toEqual(['it said [redacted], abc'])
  expect(journal.hasSaid('it said [redacted]')).toBe(true)
})

test('conceals a key of several lines in each of them, and what holds another secret whole', async () => {
  const { journal, batches } = journalOf()
  journal.conceal('secret')
  journal.conceal('-----BEGIN KEY-----\nMIIEvQIBADANBg\nkqhkiG9w0BAQEF\n-----END KEY-----\n')
  journal.conceal('secret-and-more')
  for (const text of ['-----BEGIN KEY-----', 'x (local-exec): MIIEvQIBADANBg', 'kqhkiG9w0BAQEF', 'secret-and-more'])
    journal.write('info', text)
  await journal.close()
  expect(batches.flat().map(({ text }) => text)).toEqual(['-----BEGIN KEY-----', 'x (local-exec): [redacted]', '[redacted]', '[redacted]'])
})

test('a database that is away costs lines, not the build', async () => {
  const { journal } = journalOf(() => Promise.reject(new Error('away')))
  journal.write('info', 'one')
  await journal.close()
})

test('says how long each stage took', async () => {
  const { journal, clock } = journalOf()
  await clock.step(100)
  journal.stage('Planning')
  await clock.step(50)
  journal.stage('Planning')
  await clock.step(50)
  expect(journal.stages()).toEqual({ Preparing: 100, Planning: 100 })
})
