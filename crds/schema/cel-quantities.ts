import type { CelFunction } from './cel-function.ts'
import { Fault } from './cel-values.ts'

/** Amounts as Kubernetes writes them, such as `500m`, `1.5Gi` or `1e3`: exact to a billionth, rounded away from zero. */
export class Quantity {
  readonly nano: bigint
  constructor(nano: bigint) {
    this.nano = nano
  }
}

const NANO = 9n
const [INT_MIN, INT_MAX] = [-(2n ** 63n), 2n ** 63n - 1n]
const WRITTEN = /^([+-]?)(\d*)(?:\.(\d*))?([eE][+-]?\d{1,3}|[KMGTPE]i|[numkMGTPE]?)$/
const BINARY = ['Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei']
const DECIMAL: Readonly<Record<string, bigint>> = { n: -9n, u: -6n, m: -3n, '': 0n, k: 3n, M: 6n, G: 9n, T: 12n, P: 15n, E: 18n }
const EXPRESSION = "'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"

function parsed(text: string): Quantity | null {
  const [, sign, whole = '', fraction = '', suffix = ''] = text.length > 100 ? [] : (WRITTEN.exec(text) ?? [])
  if (sign === undefined || whole + fraction === '') return null
  const binary = BINARY.indexOf(suffix) + 1
  const power = binary > 0 ? 0n : (DECIMAL[suffix] ?? BigInt(suffix.slice(1)))
  const digits = BigInt(whole + fraction) * 1024n ** BigInt(binary)
  const size = scaled(digits, power + NANO - BigInt(fraction.length))
  const bounded = size > INT_MAX * 10n ** NANO ? INT_MAX * 10n ** NANO : size
  return new Quantity(sign === '-' ? -bounded : bounded)
}

/** Times a power of ten; what is lost to a negative one is rounded up. */
function scaled(digits: bigint, power: bigint): bigint {
  if (power >= 0n) return digits * 10n ** power
  const divisor = 10n ** -power
  return (digits + divisor - 1n) / divisor
}

function quantity(text: string): Quantity {
  const made = parsed(text)
  if (!made) throw new Fault(`quantities must match the regular expression ${EXPRESSION}`)
  return made
}

const UNIT = 10n ** NANO
const isInteger = ({ nano }: Quantity): boolean => nano % UNIT === 0n && nano / UNIT <= INT_MAX && nano / UNIT >= INT_MIN

function asInteger(amount: Quantity): bigint {
  if (!isInteger(amount)) throw new Fault('cannot convert value to integer')
  return amount.nano / UNIT
}

const compare = (a: Quantity, b: Quantity): bigint => (a.nano < b.nano ? -1n : a.nano > b.nano ? 1n : 0n)

export const isSameQuantity = (a: Quantity, b: Quantity): boolean => a.nano === b.nano

export const QUANTITY_FUNCTIONS: readonly CelFunction[] = [
  { name: 'quantity', takes: ['string'], gives: 'Quantity', call: quantity },
  { name: 'isQuantity', takes: ['string'], gives: 'bool', call: (text: string) => parsed(text) !== null },
  { name: 'sign', takes: ['Quantity'], gives: 'int', call: (amount: Quantity) => compare(amount, new Quantity(0n)) },
  { name: 'Quantity.isGreaterThan', takes: ['Quantity'], gives: 'bool', call: (a: Quantity, b: Quantity) => a.nano > b.nano },
  { name: 'Quantity.isLessThan', takes: ['Quantity'], gives: 'bool', call: (a: Quantity, b: Quantity) => a.nano < b.nano },
  { name: 'Quantity.compareTo', takes: ['Quantity'], gives: 'int', call: compare },
  { name: 'Quantity.asApproximateFloat', takes: [], gives: 'double', call: ({ nano }: Quantity) => Number(nano) / Number(UNIT) },
  { name: 'Quantity.asInteger', takes: [], gives: 'int', call: asInteger },
  { name: 'Quantity.isInteger', takes: [], gives: 'bool', call: isInteger },
  { name: 'Quantity.add', takes: ['Quantity'], gives: 'Quantity', call: (a: Quantity, b: Quantity) => new Quantity(a.nano + b.nano) },
  { name: 'Quantity.add', takes: ['int'], gives: 'Quantity', call: (a: Quantity, b: bigint) => new Quantity(a.nano + b * UNIT) },
  { name: 'Quantity.sub', takes: ['Quantity'], gives: 'Quantity', call: (a: Quantity, b: Quantity) => new Quantity(a.nano - b.nano) },
  { name: 'Quantity.sub', takes: ['int'], gives: 'Quantity', call: (a: Quantity, b: bigint) => new Quantity(a.nano - b * UNIT) },
]
