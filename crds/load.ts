import { readFileSync } from 'node:fs'
import { parse } from 'yaml'

/** Reads one of the definitions beside this file. They ship with the program, so what is wrong with one is a bug. */
export function readDefinition(file: string): unknown {
  const parsed: unknown = parse(readFileSync(new URL(file, import.meta.url), 'utf8'))
  return parsed
}
