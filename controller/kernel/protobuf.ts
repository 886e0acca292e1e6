/**
 * Protocol buffers, as much of them as a plugin and kubectl speak: varints and length-delimited fields. A message is a table of fields;
 * its TypeScript type follows from the table. Fields that the table does not name are skipped, as the format asks.
 */

const VARINT = 0
const FIXED64 = 1
const DELIMITED = 2
const FIXED32 = 5
const VARINT_BYTES_MAX = 10

type WireType = typeof VARINT | typeof DELIMITED

/** A field takes two bytes and becomes an object: who reads what strangers send says how many there may be, all levels together. */
interface Room {
  fields: number
}

class Reader {
  private at = 0
  private readonly bytes: Buffer
  private readonly room: Room
  constructor(bytes: Uint8Array, room: Room) {
    this.bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.room = room
  }

  /** The number of the next field and its wire type. */
  tag(): number {
    this.room.fields -= 1
    if (this.room.fields < 0) throw new RangeError('a message has more fields than may be')
    return Number(this.varint())
  }

  /** What is inside of this, with what is left of its room. */
  inner(): Reader {
    return new Reader(this.delimited(), this.room)
  }

  get done(): boolean {
    return this.at >= this.bytes.length
  }

  varint(): bigint {
    let value = 0n
    for (let i = 0; i < VARINT_BYTES_MAX; i++) {
      const byte = this.bytes[this.at++]
      if (byte === undefined) throw new RangeError('message ends inside a number')
      value |= BigInt(byte & 0x7f) << BigInt(7 * i)
      if (byte < 0x80) return value
    }
    throw new RangeError('a number is longer than ten bytes')
  }

  delimited(): Buffer {
    const length = Number(this.varint())
    const end = this.at + length
    if (end > this.bytes.length) throw new RangeError('message ends inside a field')
    const part = this.bytes.subarray(this.at, end)
    this.at = end
    return part
  }

  skip(wireType: number): void {
    if (wireType === VARINT) this.varint()
    else if (wireType === DELIMITED) this.delimited()
    else if (wireType === FIXED64) this.at += 8
    else if (wireType === FIXED32) this.at += 4
    else throw new RangeError(`unknown wire type ${wireType}`)
  }
}

/** How one value travels. */
export interface Codec<T> {
  readonly wireType: WireType
  readonly empty: T
  write(value: T): Buffer
  read(reader: Reader): T
}

/** One field of a message: a codec, a number, and how often it may occur. */
export interface Field<T> {
  readonly number: number
  readonly wireType: WireType
  readonly empty: T
  write(value: T): Buffer[]
  read(reader: Reader, before: T): T
}

function varintBytes(value: bigint): Buffer {
  const bytes: number[] = []
  let rest = BigInt.asUintN(64, value)
  for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80)
  bytes.push(Number(rest))
  return Buffer.from(bytes)
}

const framed = (bytes: Uint8Array): Buffer => Buffer.concat([varintBytes(BigInt(bytes.byteLength)), bytes])

export const bool: Codec<boolean> = {
  wireType: VARINT,
  empty: false,
  write: (value) => varintBytes(value ? 1n : 0n),
  read: (reader) => reader.varint() !== 0n,
}

/** int64 and enums; ours are all small enough for a number. */
export const int: Codec<number> = {
  wireType: VARINT,
  empty: 0,
  write: (value) => varintBytes(BigInt(value)),
  read: (reader) => Number(BigInt.asIntN(64, reader.varint())),
}

export const string: Codec<string> = {
  wireType: DELIMITED,
  empty: '',
  write: (value) => framed(Buffer.from(value)),
  read: (reader) => reader.delimited().toString('utf8'),
}

export const bytes: Codec<Uint8Array> = {
  wireType: DELIMITED,
  empty: new Uint8Array(),
  write: framed,
  read: (reader) => reader.delimited(),
}

const tagged = <T>(number: number, codec: Codec<T>, value: T): Buffer[] => [
  varintBytes(BigInt((number << 3) | codec.wireType)),
  codec.write(value),
]

const isEmpty = (value: unknown): boolean =>
  value === false || value === 0 || value === '' || (value instanceof Uint8Array && value.byteLength === 0)

/** A plain field: not written when it is empty, empty when it is not there. */
export const one = <T>(number: number, codec: Codec<T>): Field<T> => ({
  number,
  wireType: codec.wireType,
  empty: codec.empty,
  write: (value) => (isEmpty(value) ? [] : tagged(number, codec, value)),
  read: (reader) => codec.read(reader),
})

/** A field whose absence means something else than its empty value: messages, and members of a oneof. */
export const maybe = <T>(number: number, codec: Codec<T>): Field<T | null> => ({
  number,
  wireType: codec.wireType,
  empty: null,
  write: (value) => (value === null ? [] : tagged(number, codec, value)),
  read: (reader) => codec.read(reader),
})

export function many<T>(number: number, codec: Codec<T>): Field<readonly T[]> {
  const empty: readonly T[] = []
  return {
    number,
    wireType: codec.wireType,
    empty,
    write: (values) => values.flatMap((value) => tagged(number, codec, value)),
    read: (reader, before) => grown(before === empty ? [] : before, codec.read(reader)),
  }
}

/** In place: a message of very many items is read in time that grows with them, not with their square. */
function grown<T>(list: readonly T[], item: T): readonly T[] {
  // Made by this reading, and seen by nobody else yet.
  const own = list as T[]
  own.push(item)
  return own
}

type Fields<T> = { readonly [Name in keyof T]: Field<T[Name]> }

export interface Message<T extends object> extends Codec<T> {
  encode(values: Partial<T>): Buffer
  decode(bytes: Uint8Array, fieldsMax?: number): T
}

export type MessageOf<M> = M extends Message<infer T> ? T : never

export function message<T extends object>(fields: Fields<T>): Message<T> {
  const named: readonly (readonly [string, Field<unknown>])[] = Object.entries(fields)
  const byNumber = new Map(named.map(([name, field]) => [field.number, { name, field }]))
  // The table says which fields there are; that these objects have them is what the loops below ensure.
  const empty = Object.fromEntries(named.map(([name, field]) => [name, field.empty])) as T

  const encode = (values: Partial<T>): Buffer => {
    const given = new Map<string, unknown>(Object.entries(values))
    return Buffer.concat(named.flatMap(([name, field]) => (given.get(name) === undefined ? [] : field.write(given.get(name)))))
  }

  const read = (reader: Reader): T => {
    const values = new Map<string, unknown>(Object.entries(empty))
    while (!reader.done) {
      const tag = reader.tag()
      const known = byNumber.get(tag >>> 3)
      if (known && known.field.wireType === (tag & 7)) values.set(known.name, known.field.read(reader, values.get(known.name)))
      else reader.skip(tag & 7)
    }
    return Object.fromEntries(values) as T
  }

  return {
    wireType: DELIMITED,
    empty,
    encode,
    decode: (encoded, fieldsMax = Number.POSITIVE_INFINITY) => read(new Reader(encoded, { fields: fieldsMax })),
    write: (values) => framed(encode(values)),
    read: (reader) => read(reader.inner()),
  }
}

/** A map with string keys is a repeated message of key and value. */
export function mapOf<T>(number: number, codec: Codec<T>): Field<ReadonlyMap<string, T>> {
  const entry = message({ key: one(1, string), value: one(2, codec) })
  const entries = many(number, entry)
  const empty: ReadonlyMap<string, T> = new Map()
  return {
    number,
    wireType: DELIMITED,
    empty,
    write: (values) => entries.write([...values].map(([key, value]) => ({ key, value }))),
    read: (reader, before) => {
      const { key, value } = entry.read(reader)
      // Grows in place, as lists do.
      return (before === empty ? new Map<string, T>() : (before as Map<string, T>)).set(key, value)
    },
  }
}
