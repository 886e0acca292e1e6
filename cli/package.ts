import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { field, textOf } from './json.ts'

/** Where this program is installed. */
export const programFolder = dirname(dirname(fileURLToPath(import.meta.url)))

export function programVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(join(programFolder, 'package.json'), 'utf8'))
  return textOf(field(manifest, 'version')) ?? 'unknown'
}
