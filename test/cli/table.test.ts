import { array, assert, constantFrom, property, string, tuple } from 'fast-check'
import { expect, test } from 'vitest'
import { lineDiff } from '../../cli/line-diff.ts'
import { tableLines } from '../../cli/table.ts'
import { shortAge } from '../../controller/kernel/durations.ts'

test('a table keeps names whole and cuts the widest column until it fits', () => {
  const headings = [{ name: 'NAME', whole: true }, { name: 'STATE' }, { name: 'MESSAGE' }]
  expect(
    tableLines(
      headings,
      [
        ['dev', 'Running', 'as it should be, and a lot more that nobody wants to read'],
        ['a-longer-name', 'Failed', ''],
      ],
      40,
    ),
  ).toEqual(['NAME           STATE    MESSAGE', 'dev            Running  as it should be…', 'a-longer-name  Failed'])
})

test('no line of a table is wider than it may be, as long as the names leave room', () => {
  const cell = string({ maxLength: 120 }).map((text) => text.replaceAll(/\s/g, '-'))
  assert(
    property(array(tuple(string({ maxLength: 20 }), cell, cell, cell), { maxLength: 5 }), (rows) => {
      const lines = tableLines([{ name: 'NAME', whole: true }, { name: 'A' }, { name: 'B' }, { name: 'C' }], rows, 80)
      expect(lines.filter((line) => line.length > 80)).toEqual([])
    }),
  )
})

test('ages are written as kubectl writes them', () => {
  const second = 1000
  const minute = 60 * second
  const hour = 60 * minute
  const day = 24 * hour
  const cases = [
    [0, '0s'],
    [119 * second, '119s'],
    [3 * minute + 12 * second, '3m12s'],
    [40 * minute + 5 * second, '40m'],
    [2 * hour + 5 * minute, '125m'],
    [5 * hour + 5 * minute, '5h5m'],
    [30 * hour, '30h'],
    [54 * hour, '2d6h'],
    [9 * day, '9d'],
    [740 * day, '2y10d'],
    [-1 * second, '0s'],
    [-5 * second, '<invalid>'],
  ] as const
  expect(cases.map(([ms]) => shortAge(ms))).toEqual(cases.map(([, text]) => text))
})

test('a diff shows what changed with a little around it', () => {
  const before = ['a', 'b', 'c', 'd', 'e', 'f', 'g']
  expect(lineDiff(before, before)).toEqual([])
  expect(lineDiff(before, ['a', 'b', 'c', 'd', 'E', 'f', 'g'])).toEqual(['  c', '  d', '- e', '+ E', '  f', '  g'])
  expect(lineDiff([], ['new'])).toEqual(['+ new'])
})

test('a diff, read forwards or backwards, is both texts', () => {
  const text = array(constantFrom('a', 'b', 'c'), { maxLength: 12 })
  assert(
    property(text, text, (before, after) => {
      const lines = lineDiff(before, after)
      const changed = (mark: string) => lines.filter((line) => line.startsWith(mark)).length
      expect(changed('+') - changed('-')).toBe(after.length - before.length)
      expect(lines.length === 0).toBe(before.join() === after.join())
    }),
  )
})
