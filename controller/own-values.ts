import { readFile, realpath } from 'node:fs/promises'
import { join, sep } from 'node:path'
import type { Config } from './config.ts'
import type { OwnValues } from './reconcile/variables.ts'

const BYTES_MAX = 64 * 1024

/** What templates of a standalone may read of this machine: what its operator put there for them, and nothing else. */
export const ownValues = ({ environment, variablesFolder }: Config): OwnValues => ({
  env: (name) => (name.startsWith('BOTHY_VAR_') && name !== 'BOTHY_VAR_FOLDER' ? environment[name] : undefined),
  async file(path) {
    if (variablesFolder === null) return null
    try {
      const folder = await realpath(variablesFolder)
      // A link that leads out of the folder is as if it were not there.
      const file = await realpath(join(folder, path))
      if (!file.startsWith(`${folder}${sep}`)) return null
      const bytes = await readFile(file)
      return bytes.length > BYTES_MAX ? null : bytes.toString('utf8').replace(/\r?\n$/, '')
    } catch {
      return null
    }
  },
})
