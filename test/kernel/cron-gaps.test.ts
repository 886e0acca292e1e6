import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { latestRun, nextRun, parseSchedule, type Schedule } from '../../controller/kernel/cron.ts'

const DAYS = ['1', '2', '3', '4', '5'] as const
const START = Date.parse('2026-10-20T00:00:00Z')
const MONTH_MS = 30 * 86_400_000
const EVERY_DAY = new Set(['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'] as const)

function schedule(days: readonly string[]): Schedule {
  const parsed = parseSchedule(`CRON_TZ=Europe/Berlin 30 2 * * ${days.join(',')}`, 'UTC')
  if (!parsed.ok) throw new Error(parsed.message)
  return parsed.schedule
}

const asked = (of: Schedule, { at, next }: { at: number; next: boolean }) => (next ? nextRun : latestRun)(of, at, EVERY_DAY)

/** The same schedule in many spellings, so that nothing that is remembered of one is known of another. */
const spellings = (length: number): Schedule[] =>
  Array.from({ length }, (_, i) => schedule([...DAYS.slice(i % 5), ...DAYS.slice(0, i % 5), ...Array<string>(Math.floor(i / 5)).fill('1')]))

test('what is remembered between two runs answers as a search would, in whatever order it is asked', () => {
  const question = fc.record({ at: fc.integer({ min: START, max: START + MONTH_MS }), next: fc.boolean() })
  const one = schedule(DAYS)
  fc.assert(
    fc.property(fc.array(question, { minLength: 5, maxLength: 25 }), (questions) => {
      const others = spellings(questions.length)
      // Each spelling is asked one thing only, far from what was asked of it before.
      const searched = questions.map((each, i) => {
        nextRun(others[i]!, START - 100 * MONTH_MS, EVERY_DAY)
        return asked(others[i]!, each)
      })
      expect(questions.map((each) => asked(one, each))).toEqual(searched)
    }),
    { numRuns: 200 },
  )
})
