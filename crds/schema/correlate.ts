import { equal } from './equal.ts'
import { isJsonObject, own, type JsonObject, type Schema } from './types.ts'

/**
 * What a part of an object was before: told by the names of fields, and for the items of a list map by their keys. Items of
 * other lists cannot be told apart over time, so such a list compares whole.
 */
export interface Before {
  readonly value: unknown
}

export function fieldBefore(before: Before | null, name: string): Before | null {
  return before && isJsonObject(before.value) && Object.hasOwn(before.value, name) ? { value: own(before.value, name) } : null
}

export function itemBefore(schema: Schema, before: Before | null, item: unknown): Before | null {
  if (!before || schema.listType !== 'map' || !Array.isArray(before.value)) return null
  const key = keyOf(schema, item)
  if (key === null) return null
  const found = itemsByKey(schema, before.value).get(key)
  return found === undefined ? null : { value: found }
}

/** Made once a list: a list may be far longer than its schema allows, and every item of the next one asks. */
const indexes = new WeakMap<readonly unknown[], ReadonlyMap<string, unknown>>()

function itemsByKey(schema: Schema, list: readonly unknown[]): ReadonlyMap<string, unknown> {
  const known = indexes.get(list)
  if (known) return known
  const made = new Map<string, unknown>()
  for (const item of list) {
    const key = keyOf(schema, item)
    if (key !== null && !made.has(key)) made.set(key, item)
  }
  indexes.set(list, made)
  return made
}

/** The fields that tell an item of a list map from the others, as one text; null: one is missing, or is no plain value. */
function keyOf(schema: Schema, item: unknown): string | null {
  if (!isJsonObject(item)) return null
  const values = schema.listMapKeys.map((name) => own(item, name))
  return values.some((value) => value === undefined || value === null || typeof value === 'object') ? null : JSON.stringify(values)
}

/** Whether nothing changed, as the API server decides it: a list map may be in another order, and what no schema describes has changed. */
export function unchanged(schema: Schema, before: Before | null, value: unknown): boolean {
  if (!before) return false
  const old = before.value
  if (value === null || old === null) return value === old
  if (Array.isArray(value)) return Array.isArray(old) && value.length === old.length && sameItems(schema, before, value, old)
  if (!isJsonObject(value)) return value === old
  return isJsonObject(old) && Object.keys(value).length === Object.keys(old).length && sameFields(schema, before, value)
}

function sameItems(schema: Schema, before: Before, value: readonly unknown[], old: readonly unknown[]): boolean {
  const { items } = schema
  if (schema.listType !== 'map' || !items) return equal(value, old)
  return value.every((item) => unchanged(items, itemBefore(schema, before, item), item))
}

function sameFields(schema: Schema, before: Before, value: JsonObject): boolean {
  return Object.keys(value).every((name) => {
    const child = schema.properties.get(name) ?? schema.additionalProperties
    return child !== null && unchanged(child, fieldBefore(before, name), own(value, name))
  })
}
