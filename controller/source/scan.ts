import { readdir, realpath, stat } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import { DOCUMENT_BYTES_MAX } from '../../crds/documents.ts'
import { messageOf } from '../kernel/errors.ts'
import { atStart, type Problem } from './problem.ts'
import { readSettled } from './settled-file.ts'

export interface ScannedFile {
  /** Relative to the folder, with `/`. */
  readonly path: string
  readonly text: string
}

export interface Scan {
  /** null where the folder can be read; otherwise why not. */
  readonly unavailable: string | null
  /** False where something may have been missed: then nothing may be concluded from what is not here. */
  readonly complete: boolean
  /** In order of path. */
  readonly files: readonly ScannedFile[]
  /** Files that are there and cannot be read. */
  readonly problems: readonly Problem[]
}

export const YAML_FILES_MAX = 2000
const ENTRIES_MAX = 50_000
const DEPTH_MAX = 16
const YAML_NAME = /\.ya?ml$/i
/** Dot names are an editor's, git's or, with two dots, a mounted ConfigMap's own. */
const isIgnored = (name: string): boolean => name.startsWith('.') || name === 'node_modules'

interface Walk {
  readonly root: string
  readonly seen: Set<string>
  readonly files: ScannedFile[]
  readonly problems: Problem[]
  entries: number
  complete: boolean
}

/** Reads every YAML file under `root`. Links are followed as long as they stay inside; each real file is read once. */
export async function scanFolder(root: string): Promise<Scan> {
  const real = await realpath(root).catch((error: unknown) => error)
  if (typeof real !== 'string') return unavailable(real)
  const walk: Walk = { root: real, seen: new Set([real]), files: [], problems: [], entries: 0, complete: true }
  try {
    await walkFolder(walk, real, '', 0)
  } catch (error) {
    return unavailable(error)
  }
  return { unavailable: null, complete: walk.complete, files: walk.files.toSorted(byPath), problems: walk.problems.toSorted(byPath) }
}

const byPath = (a: { readonly path: string }, b: { readonly path: string }): number => (a.path < b.path ? -1 : 1)

const unavailable = (error: unknown): Scan => ({ unavailable: messageOf(error), complete: false, files: [], problems: [] })

export const isInside = (root: string, path: string): boolean => path === root || path.startsWith(root.endsWith(sep) ? root : root + sep)

async function walkFolder(walk: Walk, folder: string, path: string, depth: number): Promise<void> {
  const names = (await readdir(folder)).filter((name) => !isIgnored(name)).toSorted()
  for (const name of names) {
    if ((walk.entries += 1) > ENTRIES_MAX) return incomplete(walk, path, `the folder has more than ${ENTRIES_MAX} entries`)
    await visit(walk, join(folder, name), path === '' ? name : `${path}/${name}`, depth)
  }
}

async function visit(walk: Walk, file: string, path: string, depth: number): Promise<void> {
  try {
    const real = await realpath(file)
    const found = await stat(real)
    if (found.isDirectory() ? walk.seen.has(real) : !YAML_NAME.test(path) || walk.seen.has(real)) return
    if (!isInside(walk.root, real)) {
      walk.problems.push(atStart('NotDeclarable', path, `leads out of the folder, to ${relative(walk.root, real)}: it is not read`))
      return
    }
    walk.seen.add(real)
    if (found.isDirectory()) {
      if (depth >= DEPTH_MAX) incomplete(walk, path, `lies deeper than ${DEPTH_MAX} folders`)
      else await walkFolder(walk, real, path, depth + 1)
    } else if (found.isFile()) await readYaml(walk, real, path, found.size)
  } catch (error) {
    // Gone between listing and reading, or written all the while: the next look sees what came of it.
    walk.complete = false
    if (YAML_NAME.test(path)) walk.problems.push(atStart('FolderUnavailable', path, messageOf(error)))
  }
}

async function readYaml(walk: Walk, file: string, path: string, bytes: number): Promise<void> {
  if (walk.files.length >= YAML_FILES_MAX) return incomplete(walk, path, `the folder has more than ${YAML_FILES_MAX} YAML files`)
  if (bytes > DOCUMENT_BYTES_MAX) {
    walk.problems.push(atStart('InvalidYaml', path, `is larger than ${DOCUMENT_BYTES_MAX / 1024 / 1024} MiB`))
    return
  }
  walk.files.push({ path, text: (await readSettled(file)).toString('utf8') })
}

function incomplete(walk: Walk, path: string, message: string): void {
  walk.complete = false
  walk.problems.push(atStart('NotDeclarable', path === '' ? '.' : path, message))
}
