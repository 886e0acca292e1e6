import { expect, test } from 'vitest'
import type { GivenCondition } from '../../controller/status/conditions.ts'
import { mergedConditions } from '../../controller/status/conditions.ts'
import { mergePatch } from '../../controller/status/write.ts'

const NOW = Date.parse('2026-11-21T08:00:00Z')
const LATER = NOW + 60_000

const ready = (status: 'True' | 'False', message = 'It is so.'): GivenCondition => ({ type: 'Ready', status, reason: 'Running', message })
const of = (type: string): GivenCondition => ({ type, status: 'True', reason: 'Retry', message: 'It is tried again.' })

test('the time of a transition moves only when the status flips', () => {
  const first = mergedConditions([], [ready('False')], 1, NOW)
  const same = mergedConditions(first, [ready('False', 'Another reason.')], 2, LATER)
  const flipped = mergedConditions(same, [ready('True')], 2, LATER)
  expect([first, same, flipped].map(([one]) => [one?.lastTransitionTime, one?.observedGeneration, one?.message])).toEqual([
    ['2026-11-21T08:00:00Z', 1, 'It is so.'],
    ['2026-11-21T08:00:00Z', 2, 'Another reason.'],
    ['2026-11-21T08:01:00Z', 2, 'It is so.'],
  ])
})

const types = (given: readonly GivenCondition[]): string[] => mergedConditions([], given, 1, NOW).map(({ type }) => type)

test('Reconciling and Stalled stand only while they are true, and never together', () => {
  expect(types([ready('False'), { ...of('Reconciling'), status: 'False' }, { ...of('Stalled'), status: 'False' }])).toEqual(['Ready'])
  expect(types([ready('False'), of('Reconciling'), of('Stalled')])).toEqual(['Ready', 'Stalled'])
})

test('what is no longer given is gone', () => {
  const before = mergedConditions([], [ready('False'), of('Reconciling'), of('OrphansPossible')], 1, NOW)
  expect(mergedConditions(before, [ready('True')], 1, LATER).map(({ type }) => type)).toEqual(['Ready'])
})

test('a message is cut at a kilobyte, between characters', () => {
  const [condition] = mergedConditions([], [ready('False', 'ä'.repeat(2000))], 1, NOW)
  expect(Buffer.byteLength(condition?.message ?? '')).toBeLessThanOrEqual(1024)
  expect(condition?.message).toMatch(/^ä+…$/)
})

test('a patch holds what differs, and removes what is gone', () => {
  const before = { state: 'Starting', build: { number: 1, message: 'x' }, agents: [1], outputs: { a: 1 } }
  expect(mergePatch(before, { state: 'Running', build: { number: 1 }, agents: [1], power: { effective: 'Running' } })).toEqual({
    state: 'Running',
    build: { message: null },
    power: { effective: 'Running' },
    outputs: null,
  })
})

test('a message moves no cursor and changes no colour', () => {
  const [condition] = mergedConditions([], [ready('False', 'main.tf:1:\u001b[2J\u001b[31m it \u0007broke\r\n\tbadly\u009b1m')], 1, NOW)
  expect(condition?.message).toBe('main.tf:1: it broke\n\tbadly1m')
})
