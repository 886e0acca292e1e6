import { isJsonObject, own, put, type JsonObject } from './types.ts'

/** Metadata as a server reads it: into fields of one type each, where a null is as good as nothing. */
export interface DecodedMeta {
  readonly metadata: JsonObject
  readonly unknown: readonly string[]
  /** Why such a document cannot be read at all, in the API server's words; null: it can. */
  readonly unreadable: string | null
}

type Shape = 'string' | 'integer' | 'boolean' | 'time' | 'strings' | 'map' | 'owners'

const FIELDS: ReadonlyMap<string, Shape> = new Map<string, Shape>([
  ['name', 'string'],
  ['generateName', 'string'],
  ['namespace', 'string'],
  ['uid', 'string'],
  ['resourceVersion', 'string'],
  ['generation', 'integer'],
  ['creationTimestamp', 'time'],
  ['deletionTimestamp', 'time'],
  ['deletionGracePeriodSeconds', 'integer'],
  ['labels', 'map'],
  ['annotations', 'map'],
  ['finalizers', 'strings'],
  ['ownerReferences', 'owners'],
])
/** Sent back by people who edit what `get` printed; of no meaning here. */
const IGNORED = new Set(['managedFields', 'selfLink'])
const OWNER_FIELDS: ReadonlyMap<string, Shape> = new Map<string, Shape>([
  ['apiVersion', 'string'],
  ['kind', 'string'],
  ['name', 'string'],
  ['uid', 'string'],
  ['controller', 'boolean'],
  ['blockOwnerDeletion', 'boolean'],
])

export function decodeMeta(raw: unknown): DecodedMeta {
  try {
    const unknown: string[] = []
    return { metadata: isNothing(raw) ? {} : objectOf(raw, { struct: 'ObjectMeta', path: '' }, FIELDS, unknown), unknown, unreadable: null }
  } catch (error) {
    if (error instanceof Unreadable) return { metadata: {}, unknown: [], unreadable: error.message }
    throw error
  }
}

class Unreadable extends Error {}

/** As Go names a field that cannot be filled: the type it belongs to, and the way to it. */
interface Place {
  readonly struct: string
  readonly path: string
}

const isNothing = (value: unknown): value is null | undefined => value === null || value === undefined

function objectOf(raw: unknown, place: Place, fields: ReadonlyMap<string, Shape>, unknown: string[], shown = 'metadata'): JsonObject {
  if (!isJsonObject(raw)) throw wrong(raw, place, `v1.${place.struct}`)
  const made: Record<string, unknown> = {}
  for (const name of Object.keys(raw)) {
    const value = own(raw, name)
    const shape = fields.get(name)
    if (!shape && !IGNORED.has(name)) unknown.push(`${shown}.${name}`)
    const read = shape && !isNothing(value) ? valueOf(shape, value, { ...place, path: join(place.path, name) }, unknown) : null
    if (!isEmpty(name, read)) put(made, name, read)
  }
  return made
}

/** Written as if it were not there. */
const isEmpty = (name: string, value: unknown): boolean =>
  value === null || value === '' || (typeof value === 'object' && Object.keys(value).length === 0) || (name === 'generation' && value === 0)

const join = (path: string, name: string): string => (path === '' ? name : `${path}.${name}`)

function valueOf(shape: Shape, value: unknown, place: Place, unknown: string[]): unknown {
  switch (shape) {
    case 'string':
      return textOf(value, place)
    case 'integer':
      if (!Number.isSafeInteger(value)) throw wrong(value, place, 'int64')
      return value
    case 'boolean':
      if (typeof value !== 'boolean') throw wrong(value, place, 'bool')
      return value
    case 'time':
      return timeOf(value)
    case 'strings':
      if (!Array.isArray(value)) throw wrong(value, place, '[]string')
      return value.map((item) => textOf(item, place))
    case 'map':
      return textsOf(value, place)
    case 'owners':
      if (!Array.isArray(value)) throw wrong(value, place, '[]v1.OwnerReference')
      return value.map((item, index) =>
        ownerOf(item, { struct: 'OwnerReference', path: place.path }, unknown, `metadata.ownerReferences[${index}]`),
      )
  }
}

/** Those four are there however little was written: what is missing is empty, and refused as that. */
const ownerOf = (value: unknown, place: Place, unknown: string[], shown: string): JsonObject => ({
  apiVersion: '',
  kind: '',
  name: '',
  uid: '',
  ...(isNothing(value) ? {} : objectOf(value, place, OWNER_FIELDS, unknown, shown)),
})

/** Inside of a list or a map a null is the empty text. */
function textOf(value: unknown, place: Place): string {
  if (isNothing(value)) return ''
  if (typeof value !== 'string') throw wrong(value, place, 'string')
  return value.toWellFormed()
}

function textsOf(value: unknown, place: Place): JsonObject {
  if (!isJsonObject(value)) throw wrong(value, place, 'map[string]string')
  const made: Record<string, unknown> = {}
  for (const name of Object.keys(value)) put(made, name.toWellFormed(), textOf(own(value, name), place))
  return made
}

const TIME = /^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:[0-5]\d([.,]\d+)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$/

function timeOf(value: unknown): string {
  if (typeof value !== 'string') throw new Unreadable(`json: cannot unmarshal ${goKind(value)} into Go value of type string`)
  if (!TIME.test(value)) throw new Unreadable(`parsing time ${JSON.stringify(value)} as "2006-01-02T15:04:05Z07:00": cannot parse it`)
  return value
}

function wrong(value: unknown, { struct, path }: Place, wanted: string): Unreadable {
  const into = path === '' ? 'Go value' : `Go struct field ${struct}.${path}`
  const what = typeof value === 'number' && wanted === 'int64' ? `number ${value}` : goKind(value)
  return new Unreadable(`json: cannot unmarshal ${what} into ${into} of type ${wanted}`)
}

function goKind(value: unknown): string {
  if (Array.isArray(value)) return 'array'
  return typeof value === 'boolean' ? 'bool' : typeof value
}
