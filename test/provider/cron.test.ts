import { expect, test } from 'vitest'
import { overlap, parseCron } from '../../provider/schema/cron.ts'

const numbers = (text: string, fields: 5 | 6) => parseCron(text, fields)?.map((each) => [...each].sort((a, b) => a - b)) ?? null

test.each<[string, 5 | 6, number]>([
  ['* * * * *', 5, 60],
  ['*/15 * * * *', 5, 4],
  ['5-10/2 * * * *', 5, 3],
  ['50/5 * * * *', 5, 2],
  ['1,2,3 * * jan MON-fri', 5, 3],
  ['0 0 9 ? * 1-5', 6, 1],
])('%s is a schedule', (text, fields, first) => {
  expect(numbers(text, fields)?.[0]).toHaveLength(first)
})

test.each<[string, 5 | 6]>([
  ['', 5],
  ['* * * *', 5],
  ['* * * * *', 6],
  ['60 * * * *', 5],
  ['* 24 * * *', 5],
  ['* * 0 * *', 5],
  ['* * * 13 *', 5],
  ['* * * * 8', 5],
  ['5-1 * * * *', 5],
  ['*/0 * * * *', 5],
  ['a * * * *', 5],
  ['1,,2 * * * *', 5],
  ['@daily', 5],
])('"%s" is no schedule of %i fields', (text, fields) => {
  expect(parseCron(text, fields)).toBeNull()
})

test('names of months and days are numbers', () => {
  expect(numbers('0 0 1 jan,DEC sun,Saturday', 5)?.slice(3)).toEqual([
    [1, 12],
    [0, 6],
  ])
})

test.each<[string, string, boolean]>([
  ['* 8-18 * * 1-5', '* 18-20 * * 5', true],
  ['* 8-18 * * 1-5', '* 19-20 * * 1-5', false],
  ['* 8-18 * * 1-5', '* 8-18 * * 0,6', false],
  ['* * 1-15 * *', '* * 16-31 * *', false],
  ['* * * 1-6 *', '* * * 7-12 *', false],
  // The first is named by its day, and the Monday by its weekday.
  ['* * 1 * 1', '* * 2 * 1', true],
  ['* * * * 7', '* * * * 0', true],
])('%s and %s meet: %s', (a, b, met) => {
  expect(overlap(a, b)).toEqual(met)
  expect(overlap(b, a)).toEqual(met)
})
