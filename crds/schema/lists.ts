import { duplicate, type Issue } from './causes.ts'
import { joined } from './decode.ts'
import { equal } from './equal.ts'
import type { Before } from './structural.ts'
import { isJsonObject, own, type JsonObject, type Schema } from './types.ts'

/** Lists that are sets have no value twice; lists that are maps no key twice. */
export function listIssues(schema: Schema, value: unknown, path = ''): readonly Issue[] {
  const issues: Issue[] = []
  walk(schema, value, path, issues)
  return issues
}

function walk(schema: Schema, value: unknown, path: string, issues: Issue[]): void {
  const { items } = schema
  if (Array.isArray(value) && items) {
    if (schema.listType === 'set') repeated(value, path, (item) => item, issues)
    if (schema.listType === 'map') repeated(value, path, (item) => keyOf(schema, item), issues)
    for (const [index, item] of value.entries()) walk(items, item, `${path}[${index}]`, issues)
  }
  if (!isJsonObject(value)) return
  for (const name of Object.keys(value)) {
    const child = schema.properties.get(name) ?? schema.additionalProperties
    if (child) walk(child, own(value, name), joined(path, name), issues)
  }
}

function repeated(items: readonly unknown[], path: string, what: (item: unknown) => unknown, issues: Issue[]): void {
  const seen = new Set<string>()
  for (const [index, item] of items.entries()) {
    const identity = what(item)
    const written = JSON.stringify(identity)
    if (seen.has(written)) issues.push(duplicate(`${path}[${index}]`, identity))
    seen.add(written)
  }
}

/** The fields that tell an item of a list map from the others, in the order the schema names them. */
function keyOf(schema: Schema, item: unknown): JsonObject {
  const key: Record<string, unknown> = {}
  if (isJsonObject(item)) for (const name of schema.listMapKeys) if (Object.hasOwn(item, name)) key[name] = own(item, name)
  return key
}

/** Only the items of a list map can be told apart over time; sets and atomic lists compare whole. */
export function itemBefore(schema: Schema, listBefore: unknown, item: unknown): Before | null {
  if (schema.listType !== 'map' || !Array.isArray(listBefore) || !isJsonObject(item)) return null
  const key = keyOf(schema, item)
  const found: unknown = listBefore.find((candidate) => equal(keyOf(schema, candidate), key))
  return found === undefined ? null : { value: found }
}
