import { Decoder, Encoder, ExtData, type ExtensionCodecType } from '@msgpack/msgpack'

/** What a configuration holds. Objects and maps are both plain records; a set is an array in no particular order. */
export type Value = null | boolean | number | string | Unknown | readonly Value[] | { readonly [name: string]: Value }
export type ObjectValue = { readonly [name: string]: Value }

/** A value that is only known after something else was made. */
export class Unknown {
  readonly unknown = true
}
export const UNKNOWN: Unknown = Object.freeze(new Unknown())

export const isUnknown = (value: unknown): value is Unknown => value instanceof Unknown

export const isObject = (value: unknown): value is ObjectValue =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !isUnknown(value)

const DEPTH_MAX = 64

const extensions: ExtensionCodecType<undefined> = {
  // The plain form: refinements are hints that a reader may drop.
  tryToEncode: (value) => (isUnknown(value) ? new ExtData(0, Uint8Array.of(0)) : null),
  // Whatever the extension says about a value that is not there yet, it is not there yet.
  decode: () => UNKNOWN,
}

/** Terraform writes numbers that no float64 holds as text; ours are all small. Everything else is what the schema says it is. */
function checked(value: unknown, depth: number): Value {
  if (depth > DEPTH_MAX) throw new RangeError('a value is nested too deeply')
  if (value === null || value === undefined) return null
  if (typeof value === 'boolean' || typeof value === 'number' || typeof value === 'string' || isUnknown(value)) return value
  if (Array.isArray(value)) return value.map((item) => checked(item, depth + 1))
  if (typeof value === 'object') return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, checked(item, depth + 1)]))
  throw new TypeError(`a value of type ${typeof value}`)
}

// New ones each time: both keep a cursor, and a throw in the middle of one call must not reach the next.
export const encodeValue = (value: Value): Uint8Array => new Encoder({ extensionCodec: extensions }).encode(value)
export const decodeValue = (encoded: Uint8Array): Value => checked(new Decoder({ extensionCodec: extensions }).decode(encoded), 0)

/** From JSON text, as a state file has it. */
export const parseValue = (json: string): Value => checked(JSON.parse(json), 0)
