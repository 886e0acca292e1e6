import type { CelEngine, CelFunction } from './cel-function.ts'
import { Fault } from './cel-values.ts'

/** Spans of time and whole numbers made of texts, as Go reads them. */

const NANOSECONDS: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  µs: 1_000n,
  μs: 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
}
const PART = /(\d*)(?:\.(\d*))?(ns|us|µs|μs|ms|s|m|h)/y
const [INT_MIN, INT_MAX] = [-(2n ** 63n), 2n ** 63n - 1n]

const notA = (type: string): Fault => new Fault(`type conversion error from 'string' to '${type}'`)

/** Nanoseconds, or null where it is no span of time, or more than 64 bits can hold. */
export function nanosecondsOf(text: string): bigint | null {
  const negative = text.startsWith('-')
  const body = text.replace(/^[-+]/, '')
  if (body === '0') return 0n
  let sum = 0n
  for (let at = 0; at < body.length || at === 0;) {
    PART.lastIndex = at
    const [all = '', whole = '', fraction = '', unit = ''] = PART.exec(body) ?? []
    const size = NANOSECONDS[unit]
    if (size === undefined || whole + fraction === '') return null
    sum += BigInt(whole || '0') * size + (BigInt(fraction || '0') * size) / 10n ** BigInt(fraction.length)
    at += all.length
  }
  const signed = negative ? -sum : sum
  return signed < INT_MIN || signed > INT_MAX ? null : signed
}

function wholeNumberOf(text: string): bigint {
  const value = /^[-+]?\d{1,40}$/.test(text) ? BigInt(text.replace('+', '')) : null
  if (value === null || value < INT_MIN || value > INT_MAX) throw notA('int')
  return value
}

export const timeFunctions = (engine: CelEngine): readonly CelFunction[] => [
  {
    name: 'duration',
    takes: ['string'],
    gives: 'google.protobuf.Duration',
    call: (text: string) => {
      const nanoseconds = text.length > 200 ? null : nanosecondsOf(text)
      if (nanoseconds === null) throw notA('google.protobuf.Duration')
      return engine.duration(nanoseconds)
    },
  },
  { name: 'int', takes: ['string'], gives: 'int', call: wholeNumberOf },
  { name: 'int', takes: ['int'], gives: 'int', call: (value: bigint) => value },
  {
    name: 'int',
    takes: ['double'],
    gives: 'int',
    call: (value: number) => {
      if (!(Math.abs(value) < 2 ** 63)) throw new Fault('integer overflow')
      return BigInt(Math.trunc(value))
    },
  },
  { name: 'int', takes: ['google.protobuf.Timestamp'], gives: 'int', call: (value: Date) => BigInt(Math.floor(value.getTime() / 1000)) },
]
