import { readFileSync } from 'node:fs'
import { isJsonObject, own } from './schema/types.ts'

/**
 * The definitions as JSON, made of the YAML beside this file by generate.ts: reading the YAML itself takes a program that
 * starts two hundred times as long. They ship with the program, so a missing one is a bug.
 */
export const DEFINITIONS_FILE = new URL('definitions.json', import.meta.url)

let definitions: unknown

export function readDefinition(kind: string): unknown {
  definitions ??= JSON.parse(readFileSync(DEFINITIONS_FILE, 'utf8'))
  const definition = isJsonObject(definitions) ? own(definitions, kind) : undefined
  if (definition === undefined) throw new Error(`crds/definitions.json has no ${kind}: npm run generate`)
  return definition
}
