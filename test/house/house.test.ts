import { join, resolve } from 'node:path'
import { expect, test } from 'vitest'
import { inspect, withoutComments } from './house.ts'

const root = resolve(import.meta.dirname, '../..')

test('the house keeps its rules', () => {
  expect(inspect(root).map(({ check, where, what }) => `${check}: ${where} ${what}`)).toEqual([])
})

test('every check fails on a planted violation, and only there', () => {
  const found = inspect(join(root, 'test/house/fixture')).map(({ check, where, what }) => `${check}: ${where} ${what}`)
  expect(found.toSorted()).toEqual([
    'circles: controller/kernel/names.ts and controller/store/pool.ts',
    "clock: controller/reconcile/engine.ts:1 export const wait = () => setTimeout(() => {}, Number(process.env['WAIT']))",
    'clock: controller/reconcile/thing/decide.ts:2 export const list = () => readFileSync(String(Date.now()))',
    'doors: agent/other.ts:1 -> node:child_process',
    'doors: controller/store/second.ts:1 -> pg',
    "environment: controller/reconcile/engine.ts:1 export const wait = () => setTimeout(() => {}, Number(process.env['WAIT']))",
    'imports: controller/api/route.ts:1 -> controller/reconcile/thing/decide.ts',
    'imports: controller/api/route.ts:3 -> controller/reconcile/engine.ts',
    'imports: controller/kernel/names.ts:1 -> controller/store/pool.ts',
    'purity: controller/reconcile/thing/decide.ts:1 -> node:fs',
    'purity: controller/reconcile/thing/decide.ts:2 export const list = () => readFileSync(String(Date.now()))',
    'purity: controller/reconcile/thing/decide.ts:3 export const later = async () => 1',
    'reasons: docs/errors.md Forgotten is not documented',
    'reasons: docs/errors.md Idle is never used',
    'reasons: docs/errors.md Invented does not exist',
    'size: controller/cluster/long.ts 302 lines, 300 is a sitting',
  ])
})

test('a comment is no code, and keeps its lines', () => {
  expect(withoutComments("a // import x from 'y'\n/* one\ntwo */ b\nconst url = 'http://c'")).toBe(
    "a \n      \n       b\nconst url = 'http://c'",
  )
})
