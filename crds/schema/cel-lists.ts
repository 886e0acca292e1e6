import type { CelFunction } from './cel-function.ts'
import { Fault } from './cel-values.ts'

/** Lists in rules: what Kubernetes adds to them, and lists as sets. */

type List = readonly unknown[]

/** Values of a rule that mean the same: whole numbers and fractions compare by what they are. */
function same(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (typeof a === 'bigint' || typeof b === 'bigint') return isNumber(a) && isNumber(b) && a == b
  if (Array.isArray(a)) return Array.isArray(b) && a.length === b.length && a.every((item, index) => same(item, b[index]))
  if (a instanceof Map && b instanceof Map)
    return a.size === b.size && [...a].every(([key, value]) => b.has(key) && same(value, b.get(key)))
  return a instanceof Date && b instanceof Date && a.getTime() === b.getTime()
}

const isNumber = (value: unknown): value is number | bigint => typeof value === 'number' || typeof value === 'bigint'

/** Texts compare by their characters, whatever their width; what else has an order, JavaScript knows. */
function isLess(a: unknown, b: unknown): boolean {
  if (typeof a === 'string' && typeof b === 'string') return Buffer.compare(Buffer.from(a), Buffer.from(b)) < 0
  return (a as number) < (b as number)
}

const isSorted = (list: List): boolean => list.every((item, index) => index === 0 || !isLess(item, list[index - 1]))

function best(name: string, isBetter: (a: unknown, b: unknown) => boolean): (list: List) => unknown {
  return (list) => {
    if (list.length === 0) throw new Fault(`${name} called on empty list`)
    return list.reduce((found, item) => (isBetter(item, found) ? item : found))
  }
}

const INT_END = 2n ** 63n

function sum(list: List): number | bigint {
  if (list.some((item) => typeof item === 'number')) return list.reduce<number>((total, item) => total + Number(item), 0)
  const total = list.reduce<bigint>((so, item) => so + BigInt(item as bigint), 0n)
  if (total >= INT_END || total < -INT_END) throw new Fault('integer overflow')
  return total
}

const indexOf = (list: List, item: unknown): bigint => BigInt(list.findIndex((each) => same(each, item)))
const lastIndexOf = (list: List, item: unknown): bigint => BigInt(list.findLastIndex((each) => same(each, item)))
const contains = (list: List, part: List): boolean => part.every((item) => list.some((each) => same(each, item)))
const equivalent = (a: List, b: List): boolean => contains(a, b) && contains(b, a)
const intersects = (a: List, b: List): boolean => a.some((item) => b.some((each) => same(each, item)))

/** `sets` is a word of the language, not a value: functions take it first and leave it alone. */
const ofSets =
  (call: (a: List, b: List) => boolean) =>
  (_sets: unknown, a: List, b: List): boolean =>
    call(a, b)

export const LIST_FUNCTIONS: readonly CelFunction[] = [
  { name: 'list<A>.isSorted', takes: [], gives: 'bool', call: isSorted },
  { name: 'list<A>.min', takes: [], gives: 'A', call: best('min', isLess) },
  { name: 'list<A>.max', takes: [], gives: 'A', call: best('max', (a, b) => isLess(b, a)) },
  { name: 'list<int>.sum', takes: [], gives: 'int', call: sum },
  { name: 'list<double>.sum', takes: [], gives: 'double', call: sum },
  { name: 'list<A>.indexOf', takes: ['A'], gives: 'int', call: indexOf },
  { name: 'list<A>.lastIndexOf', takes: ['A'], gives: 'int', call: lastIndexOf },
  { name: 'sets.contains', takes: ['list<A>', 'list<A>'], gives: 'bool', call: ofSets(contains) },
  { name: 'sets.equivalent', takes: ['list<A>', 'list<A>'], gives: 'bool', call: ofSets(equivalent) },
  { name: 'sets.intersects', takes: ['list<A>', 'list<A>'], gives: 'bool', call: ofSets(intersects) },
]
