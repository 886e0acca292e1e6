import { isJsonObject, own, put, type JsonObject } from '../../crds/schema/types.ts'
import { equal } from '../../crds/schema/equal.ts'
import { Refused } from '../kernel/errors.ts'

/**
 * RFC 6902, with the liberties of the API server: an index may count from behind, `replace` makes what is not there in an
 * object, a value that is left out is null. Pure; shares with the object what no operation has touched.
 */

export const OPERATIONS_MAX = 10_000

type Container = readonly unknown[] | JsonObject

const isContainer = (value: unknown): value is Container => Array.isArray(value) || isJsonObject(value)

const cannot = (why: string): Refused => new Refused('Invalid', `the server rejected our request due to an error in our request: ${why}`)

export function jsonPatch(document: JsonObject, operations: readonly unknown[]): unknown {
  if (operations.length > OPERATIONS_MAX)
    throw new Refused(
      'RequestEntityTooLarge',
      `The allowed maximum operations in a JSON patch is ${OPERATIONS_MAX}, got ${operations.length}`,
    )
  return operations.reduce<unknown>((patched, operation) => {
    if (!isJsonObject(operation))
      throw new Refused(
        'BadRequest',
        `error decoding patch: json: cannot unmarshal ${nameOf(operation)} into Go value of type handlers.jsonPatchOp`,
      )
    return applied(patched, operation)
  }, document)
}

const nameOf = (value: unknown): string => (Array.isArray(value) ? 'array' : typeof value === 'boolean' ? 'bool' : typeof value)

function applied(document: unknown, operation: JsonObject): unknown {
  const path = pointer(operation, 'path')
  const value = own(operation, 'value') ?? null
  switch (operation['op']) {
    case 'add':
      return added(document, path, value)
    case 'replace':
      return path.length === 0 ? whole(value) : changed(document, path, (at, key) => replaced(at, key, value))
    case 'remove':
      return changed(document, path, without)
    case 'move': {
      const from = pointer(operation, 'from')
      return added(changed(document, from, without), path, found(document, from))
    }
    case 'copy':
      return added(document, path, found(document, pointer(operation, 'from')) ?? null)
    case 'test':
      if (equal(found(document, path) ?? null, value)) return document
      throw cannot(`testing value ${shown(path)} failed`)
    default:
      throw cannot(`Unexpected kind: ${typeof operation['op'] === 'string' ? operation['op'] : 'unknown'}`)
  }
}

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

const added = (document: unknown, path: readonly string[], value: unknown): unknown =>
  path.length === 0 ? whole(value) : changed(document, path, (at, key) => inserted(at, key, value))

/** The container at the end of a path is exchanged for another, and so is every one above it. */
function changed(document: unknown, path: readonly string[], change: (at: Container, key: string) => Container): unknown {
  const [key, ...rest] = path
  if (key === undefined) throw cannot('doc is missing path: ""')
  if (!isContainer(document)) throw cannot(`doc is missing path: ${JSON.stringify(shown(path))}`)
  if (rest.length === 0) return change(document, key)
  const child = found(document, [key])
  if (!isContainer(child)) throw cannot(`doc is missing path: ${JSON.stringify(shown(path))}`)
  return replaced(document, key, changed(child, rest, change))
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

function inserted(at: Container, key: string, value: unknown): Container {
  if (isJsonObject(at)) return withField(at, key, value)
  return at.toSpliced(key === '-' ? at.length : indexIn(at, key, 1), 0, value)
}

const replaced = (at: Container, key: string, value: unknown): Container =>
  isJsonObject(at) ? withField(at, key, value) : at.with(indexIn(at, key), value)

function without(at: Container, key: string): Container {
  if (!isJsonObject(at)) return at.toSpliced(indexIn(at, key), 1)
  if (!Object.hasOwn(at, key)) throw cannot(`Unable to remove nonexistent key: ${key}`)
  return Object.fromEntries(Object.entries(at).filter(([name]) => name !== key))
}

function withField(object: JsonObject, key: string, value: unknown): JsonObject {
  const next: Record<string, unknown> = Object.fromEntries(Object.entries(object))
  put(next, key, value)
  return next
}
