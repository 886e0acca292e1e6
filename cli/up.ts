import { existsSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { EXIT, Failure } from './failure.ts'
import { controlPlaneFlags } from './flags.ts'
import { programFolder } from './package.ts'
import type { Run } from './session.ts'

const DEFAULT_FOLDER = 'bothy'

export const run: Run = async (_session, args, options) => {
  const folder = folderFrom(args[0])
  const { up } = await import('../controller/main.ts')
  return up({ ...controlPlaneFlags(options), folder })
}

/** The folder given; else ./bothy; else the first example, so that the first command of a newcomer shows something. */
function folderFrom(given: string | undefined): string {
  if (given === undefined) return isFolder(DEFAULT_FOLDER) ? resolve(DEFAULT_FOLDER) : join(programFolder, 'examples', '01-first-workspace')
  if (isFolder(given)) return resolve(given)
  throw new Failure(EXIT.notFound, {
    what: existsSync(given) ? `${given} is not a folder` : `there is no folder ${given}`,
    fix: 'name the folder that holds your YAML files',
  })
}

const isFolder = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false
