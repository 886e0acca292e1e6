import { duplicate, invalid, type Issue } from './causes.ts'
import { joined, shortened } from './decode.ts'
import { goJson } from './go-text.ts'
import { ITEMS_BEYOND } from './structural.ts'
import { isJsonObject, own, put, type JsonObject, type Schema } from './types.ts'

/** Lists that are sets have no value twice; lists that are maps no key twice. */
export function listIssues(schema: Schema, value: unknown, path = ''): readonly Issue[] {
  const issues: Issue[] = []
  walk(schema, value, path, issues)
  return issues
}

function walk(schema: Schema, value: unknown, path: string, issues: Issue[]): void {
  const { items } = schema
  // One that is far too long is refused as that.
  if (Array.isArray(value) && items && value.length <= (schema.maxItems ?? value.length) + ITEMS_BEYOND) {
    if (schema.listType === 'set') repeated(value, path, issues)
    if (schema.listType === 'map') repeatedKeys(schema, value, path, issues)
    for (const [index, item] of value.entries()) walk(items, item, `${path}[${index}]`, issues)
  }
  if (!isJsonObject(value)) return
  for (const name of Object.keys(value)) {
    const field = schema.properties.get(name)
    const child = field ?? schema.additionalProperties
    if (child) walk(child, own(value, name), field ? joined(path, name) : `${path}[${shortened(name)}]`, issues)
  }
}

function repeatedKeys(schema: Schema, list: readonly unknown[], path: string, issues: Issue[]): void {
  const stranger = list.findIndex((item) => item !== null && !isJsonObject(item))
  if (stranger >= 0) {
    issues.push(invalid(`${path}[${stranger}]`, list[stranger], 'must be an object for an array of list-type map'))
    return
  }
  repeated(
    list.map((item) => keyOf(schema, item)),
    path,
    issues,
  )
}

/** Of a value that is there many times, only its second place is named. */
function repeated(identities: readonly unknown[], path: string, issues: Issue[]): void {
  const times = new Map<string, number>()
  for (const [index, identity] of identities.entries()) {
    const written = goJson(identity)
    const before = times.get(written) ?? 0
    if (before === 1) issues.push(duplicate(`${path}[${index}]`, identity))
    times.set(written, before + 1)
  }
}

/** The fields that tell an item of a list map from the others. */
function keyOf(schema: Schema, item: unknown): JsonObject {
  const key: Record<string, unknown> = {}
  if (isJsonObject(item)) for (const name of schema.listMapKeys) if (Object.hasOwn(item, name)) put(key, name, own(item, name))
  return key
}
