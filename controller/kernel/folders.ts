import { mkdirSync, statSync } from 'node:fs'
import { dirname } from 'node:path'

const FOLDER_MODE = 0o700

/**
 * Makes a folder for its owner alone, with those above it. Not by the recursive form of mkdir: people and templates may name any
 * path, and below /proc that form tries again without end.
 */
export function makeFolder(folder: string): void {
  try {
    make(folder)
  } catch (error) {
    if (!hasCode(error, 'EEXIST') || !statSync(folder).isDirectory()) throw error
  }
}

function make(folder: string): void {
  try {
    mkdirSync(folder, { mode: FOLDER_MODE })
  } catch (error) {
    if (!hasCode(error, 'ENOENT') || dirname(folder) === folder) throw error
    makeFolder(dirname(folder))
    mkdirSync(folder, { mode: FOLDER_MODE })
  }
}

const hasCode = (error: unknown, code: string): boolean => error instanceof Error && 'code' in error && error.code === code
