import { equal } from '../../crds/schema/equal.ts'
import { JSON_DEPTH_MAX, JSON_VALUES_MAX } from '../../crds/schema/parse.ts'
import { isJsonObject, own, put, type JsonObject } from '../../crds/schema/types.ts'
import { Refused } from '../kernel/errors.ts'

/**
 * RFC 6902, with the liberties of the API server: an index may count from behind, `replace` makes what is not there in an
 * object, a value that is left out is null. Pure: a copy is worked on, in place, so that ten thousand operations cost ten
 * thousand steps; and each value in it is there once, so that copies of copies cost what they look like, and are refused in time.
 */

export const OPERATIONS_MAX = 10_000
/** As the API server has it. */
const COPIED_BYTES_MAX = 3 * 1024 * 1024
/** Whoever puts something into the middle of a list, or takes it out there, moves all that comes after it. */
const SHIFTED_MAX = 20_000_000

type Fields = Record<string, unknown>
type Container = unknown[] | Fields

const isFields = (value: unknown): value is Fields => isJsonObject(value)
const isContainer = (value: unknown): value is Container => Array.isArray(value) || isFields(value)

const cannot = (why: string): Refused => new Refused('Invalid', `the server rejected our request due to an error in our request: ${why}`)

/** What operations have made more of, so far. */
interface Spent {
  values: number
  bytes: number
  shifted: number
}

export function jsonPatch(document: JsonObject, operations: readonly unknown[]): unknown {
  if (operations.length > OPERATIONS_MAX)
    throw new Refused(
      'RequestEntityTooLarge',
      `The allowed maximum operations in a JSON patch is ${OPERATIONS_MAX}, got ${operations.length}`,
    )
  const spent = { values: 0, bytes: 0, shifted: 0 }
  return operations.reduce<unknown>(
    (patched, operation) => {
      if (!isJsonObject(operation))
        throw new Refused(
          'BadRequest',
          `error decoding patch: json: cannot unmarshal ${nameOf(operation)} into Go value of type handlers.jsonPatchOp`,
        )
      return applied(patched, operation, spent)
    },
    copied(document, 0),
  )
}

const nameOf = (value: unknown): string => (Array.isArray(value) ? 'array' : typeof value === 'boolean' ? 'bool' : typeof value)

function applied(document: unknown, operation: JsonObject, spent: Spent): unknown {
  const path = pointer(operation, 'path')
  const value = own(operation, 'value') ?? null
  switch (operation['op']) {
    case 'add':
      return added(document, path, copied(value, path.length), spent)
    case 'replace':
      if (path.length === 0) return whole(copied(value, 0))
      return changed(document, path, (at, key) => replace(at, key, copied(value, path.length)))
    case 'remove':
      return changed(document, path, (at, key) => remove(at, key, spent))
    case 'move': {
      const from = pointer(operation, 'from')
      const moved = copied(found(document, from), path.length, spent)
      return added(
        changed(document, from, (at, key) => remove(at, key, spent)),
        path,
        moved,
        spent,
      )
    }
    case 'copy':
      return added(document, path, copied(found(document, pointer(operation, 'from')) ?? null, path.length, spent), spent)
    case 'test':
      if (equal(found(document, path) ?? null, value)) return document
      throw cannot(`testing value ${shown(path)} failed`)
    default:
      throw cannot(`Unexpected kind: ${typeof operation['op'] === 'string' ? operation['op'] : 'unknown'}`)
  }
}

/** For its place in the document, `depth` levels down. What the body brought is no more than a body may have; `spent` is for the rest. */
function copied(value: unknown, depth: number, spent: Spent | null = null): unknown {
  if (depth > JSON_DEPTH_MAX) throw cannot(`the document would be nested deeper than ${JSON_DEPTH_MAX} levels`)
  if (spent) spend(spent, typeof value === 'string' ? value.length : 1)
  if (Array.isArray(value)) return value.map((item) => copied(item, depth + 1, spent))
  if (!isJsonObject(value)) return value
  const made: Fields = {}
  for (const name of Object.keys(value)) {
    if (spent) spent.bytes += name.length
    put(made, name, copied(value[name], depth + 1, spent))
  }
  return made
}

function spend(spent: Spent, bytes: number): void {
  spent.bytes += bytes
  spent.values += 1
  if (spent.bytes > COPIED_BYTES_MAX) throw tooMuch(`${COPIED_BYTES_MAX} bytes`)
  if (spent.values > JSON_VALUES_MAX) throw tooMuch(`${JSON_VALUES_MAX} values`)
}

const tooMuch = (limit: string): Refused => cannot(`Unable to complete the copy, what is copied and moved exceeds the limit ${limit}`)

function pointer(operation: JsonObject, field: 'path' | 'from'): readonly string[] {
  const text = operation[field]
  if (typeof text !== 'string') throw cannot(`operation missing ${field} field`)
  if (text !== '' && !text.startsWith('/')) throw cannot(`${field} must begin with '/': ${text}`)
  return text
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
}

const shown = (path: readonly string[]): string => path.map((part) => `/${part}`).join('')

function whole(value: unknown): unknown {
  if (!isContainer(value)) throw cannot('replace operation value must be object or array')
  return value
}

const added = (document: unknown, path: readonly string[], value: unknown, spent: Spent): unknown =>
  path.length === 0 ? whole(value) : changed(document, path, (at, key) => insert(at, key, value, spent))

/** Answers the document, of which the container at the end of the path is another now. */
function changed(document: unknown, path: readonly string[], change: (at: Container, key: string) => void): unknown {
  const key = path.at(-1)
  if (key === undefined) throw cannot('doc is missing path: ""')
  let at = document
  for (const step of path.slice(0, -1)) at = isContainer(at) ? found(at, [step]) : undefined
  if (!isContainer(at)) throw cannot(`doc is missing path: ${JSON.stringify(shown(path))}`)
  change(at, key)
  return document
}

function found(document: unknown, path: readonly string[]): unknown {
  const last = path.length - 1
  return path.reduce<unknown>((at, key, i) => {
    if (Array.isArray(at)) return at[indexIn(at, key)]
    if (isJsonObject(at) && (i === last || Object.hasOwn(at, key))) return own(at, key)
    throw cannot(`doc is missing path: ${JSON.stringify(shown(path))}`)
  }, document)
}

function indexIn(list: readonly unknown[], key: string, beyond = 0): number {
  if (!/^-?\d{1,9}$/.test(key)) throw cannot(`value was not a proper array index: '${key}'`)
  const length = list.length + beyond
  const index = Number(key) < 0 ? Number(key) + length : Number(key)
  if (index < 0 || index >= length) throw cannot(`Unable to access invalid index: ${key}`)
  return index
}

function insert(at: Container, key: string, value: unknown, spent: Spent): void {
  if (!Array.isArray(at)) return put(at, key, value)
  const index = key === '-' ? at.length : indexIn(at, key, 1)
  shift(at, index, spent)
  at.splice(index, 0, value)
}

function shift(list: readonly unknown[], from: number, spent: Spent): void {
  spent.shifted += list.length - from
  if (spent.shifted > SHIFTED_MAX) throw cannot(`the operations move items of lists more than ${SHIFTED_MAX} times`)
}

function replace(at: Container, key: string, value: unknown): void {
  if (!Array.isArray(at)) put(at, key, value)
  else at[indexIn(at, key)] = value
}

function remove(at: Container, key: string, spent: Spent): void {
  if (Array.isArray(at)) {
    const index = indexIn(at, key)
    shift(at, index, spent)
    return void at.splice(index, 1)
  }
  if (!Object.hasOwn(at, key)) throw cannot(`Unable to remove nonexistent key: ${key}`)
  delete at[key]
}
