import { constants } from 'node:fs'
import { lstat, open, readlink, type FileHandle } from 'node:fs/promises'
import { messageOf } from '../controller/kernel/errors.ts'

/**
 * Paths inside one folder, resolved here and not by the kernel: component by component, each opened without following it,
 * and links followed by the same walk. So no link leads out, not even one that is put there between a look and a use.
 */

/** What is refused, in a sentence. */
export class FilesProblem extends Error {
  override readonly name = 'FilesProblem'
  readonly code: 'NotFound' | 'Denied' | 'Exists' | 'Invalid' | 'Outside' | 'NoSpace' | 'Busy' | 'Failed'
  constructor(code: FilesProblem['code'], message: string) {
    super(message)
    this.code = code
  }
}

/** An entry of a folder that is held open: `path` leads there whatever happens to the names above it. */
export interface Place {
  readonly path: string
  readonly name: string
  close(): Promise<void>
}

/** Opens a folder only to walk on from it, and needs no right to read it. */
const O_PATH = 0o10000000
const FOLDER = O_PATH | constants.O_DIRECTORY | constants.O_NOFOLLOW
const LINKS_MAX = 40
const DEPTH_MAX = 256
const PATH_BYTES_MAX = 4096

export const entryOf = (folder: FileHandle, name: string): string => `/proc/self/fd/${folder.fd}/${name}`

export function partsOf(path: string): string[] {
  if (path.includes('\0') || Buffer.byteLength(path) > PATH_BYTES_MAX) throw new FilesProblem('Invalid', 'The path is no path.')
  return path.split('/').filter((part) => part !== '' && part !== '.')
}

/**
 * The place a path names. `follow`: where its last component is a link, what that leads to. The root itself is a place
 * with the name `.`.
 */
export async function placeIn(root: string, path: string, follow: boolean): Promise<Place> {
  const walk = await beginAt(root)
  try {
    let left = partsOf(path)
    for (let links = 0; ;) {
      const name = left[0]
      if (name === undefined) return walk.place('.')
      const last = left.length === 1
      left = left.slice(1)
      if (name === '..') {
        await walk.up()
        continue
      }
      const target = last && !follow ? null : await linkTarget(walk.at(name))
      if (target === null) {
        if (last) return walk.place(name)
        await walk.into(name)
        continue
      }
      links += 1
      if (links > LINKS_MAX) throw new FilesProblem('Invalid', `Too many links on the way to ${path}.`)
      left = [...(target.startsWith('/') ? await walk.again(target) : partsOf(target)), ...left]
    }
  } catch (error) {
    await walk.close()
    throw error
  }
}

interface Walk {
  at(name: string): string
  into(name: string): Promise<void>
  up(): Promise<void>
  /** An absolute path of a link: from the root again, if it leads there at all. */
  again(target: string): Promise<string[]>
  place(name: string): Place
  close(): Promise<void>
}

async function beginAt(root: string): Promise<Walk> {
  // Whoever names a root means what it leads to.
  const folders = [await open(root, O_PATH | constants.O_DIRECTORY)]
  const here = (): FileHandle => {
    const last = folders.at(-1)
    if (!last) throw new Error('the walk has ended')
    return last
  }
  const close = async () => {
    for (const folder of folders.splice(0)) await folder.close()
  }
  return {
    close,
    at: (name) => entryOf(here(), name),
    async into(name) {
      if (folders.length > DEPTH_MAX) throw new FilesProblem('Invalid', `The path is deeper than ${DEPTH_MAX} folders.`)
      folders.push(await open(entryOf(here(), name), FOLDER))
    },
    async up() {
      if (folders.length === 1) throw outside(root)
      await folders.pop()?.close()
    },
    async again(target) {
      const inside = root === '/' || target === root || target.startsWith(`${root}/`)
      if (!inside) throw outside(root)
      for (const folder of folders.splice(1)) await folder.close()
      return partsOf(target.slice(root === '/' ? 0 : root.length))
    },
    place: (name) => ({ path: entryOf(here(), name), name, close }),
  }
}

const outside = (root: string): FilesProblem => new FilesProblem('Outside', `The path leads out of ${root}.`)

/** null: it is no link, or not there. */
async function linkTarget(path: string): Promise<string | null> {
  try {
    return (await lstat(path)).isSymbolicLink() ? await readlink(path) : null
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'EINVAL')) return null
    throw error
  }
}

const CODES: Readonly<Record<string, readonly [FilesProblem['code'], string]>> = {
  ENOENT: ['NotFound', 'there is no such file or folder'],
  ENOTDIR: ['Invalid', 'something on the way is no folder'],
  ELOOP: ['Outside', 'it changed into a link meanwhile'],
  EACCES: ['Denied', 'it may not be reached'],
  EPERM: ['Denied', 'that is not permitted'],
  EROFS: ['Denied', 'the file system is read-only'],
  EEXIST: ['Exists', 'it is there already'],
  ENOTEMPTY: ['Exists', 'the folder is not empty'],
  EISDIR: ['Invalid', 'it is a folder'],
  EINVAL: ['Invalid', 'that makes no sense for it'],
  ENAMETOOLONG: ['Invalid', 'the name is too long'],
  ENOSPC: ['NoSpace', 'no space is left'],
  EDQUOT: ['NoSpace', 'the quota is used up'],
  EXDEV: ['Invalid', 'it is on another file system'],
}

/** What the system says about a path, as people name it: never with the numbers of our own files. */
export function problemOf(path: string, error: unknown): FilesProblem {
  if (error instanceof FilesProblem) return error
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  const [kind, sentence] = CODES[code] ?? ['Failed', code || messageOf(error)]
  return new FilesProblem(kind, `${path}: ${sentence}.`)
}
