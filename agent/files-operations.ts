import { randomUUID } from 'node:crypto'
import { constants, type Stats } from 'node:fs'
import { lstat, mkdir, open, opendir, readdir, rename, rm, rmdir, stat, unlink } from 'node:fs/promises'
import { dirname } from 'node:path'
import { FilesProblem, partsOf, placeIn, type Place } from './inside.ts'
import { FILES_LISTED_MAX, type FilesAsked, type FileSeen } from './protocol.ts'

/** What can be done to files besides carrying their bytes. Paths are of a root, which nothing leads out of. */

export const seenOf = (name: string, found: Stats): FileSeen => ({
  name,
  type: found.isFile() ? 'file' : found.isDirectory() ? 'folder' : found.isSymbolicLink() ? 'link' : 'other',
  size: found.size,
  mode: found.mode & 0o7777,
  mtimeMs: Math.round(found.mtimeMs),
})

export async function at<T>(asked: Pick<FilesAsked, 'root' | 'path'>, follow: boolean, work: (place: Place) => Promise<T>): Promise<T> {
  const place = await placeIn(asked.root, asked.path, follow)
  try {
    return await work(place)
  } finally {
    await place.close()
  }
}

/** What a path leads to. */
export const statFile = (asked: FilesAsked): Promise<FileSeen> => at(asked, true, async ({ path, name }) => seenOf(name, await lstat(path)))

export const listFolder = (asked: FilesAsked): Promise<{ readonly entries: readonly FileSeen[]; readonly truncated: boolean }> =>
  at(asked, true, async ({ path }) => {
    const entries: FileSeen[] = []
    // Not a link: the walk has followed it, and what became one since is none of ours.
    const folder = await open(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW)
    try {
      const inside = `/proc/self/fd/${folder.fd}`
      for await (const { name } of await opendir(inside)) {
        if (entries.length === FILES_LISTED_MAX) return { entries, truncated: true }
        const found = await lstat(`${inside}/${name}`).catch(() => null)
        if (found) entries.push(seenOf(name, found))
      }
      return { entries: entries.toSorted((a, b) => (a.name < b.name ? -1 : 1)), truncated: false }
    } finally {
      await folder.close()
    }
  })

/** With `recursive` the folders above are made too, and one that is there already is none the worse. */
export async function makeFolder(asked: FilesAsked): Promise<void> {
  const mode = asked.mode ?? 0o755
  const parts = partsOf(asked.path)
  const from = asked.recursive ? 1 : parts.length
  for (let length = from; length <= parts.length; length += 1) {
    const path = parts.slice(0, length).join('/')
    await at({ root: asked.root, path }, true, async (place) => {
      if (!asked.recursive) return void (await mkdir(place.path, mode))
      const there = await stat(place.path).catch(() => null)
      if (there && !there.isDirectory()) throw new FilesProblem('Exists', `${path} is there already, and is no folder.`)
      if (!there) await mkdir(place.path, length === parts.length ? mode : 0o755)
    })
  }
}

/** The link, where it is one. */
export const removeFile = (asked: FilesAsked): Promise<void> =>
  at(asked, false, async ({ path, name }) => {
    if (name === '.') throw new FilesProblem('Invalid', 'The root itself is not removed.')
    const found = await lstat(path)
    if (!found.isDirectory()) return unlink(path)
    if (!asked.recursive) return rmdir(path)
    await rm(path, { recursive: true })
  })

/** What is at the other place is replaced, as `rename` does. */
export const moveFile = (asked: FilesAsked): Promise<void> =>
  at(asked, false, (from) =>
    at({ root: asked.root, path: asked.to }, false, async (to) => {
      if (from.name === '.' || to.name === '.') throw new FilesProblem('Invalid', 'The root itself is not moved.')
      await rename(from.path, to.path)
    }),
  )

/** A file that is written beside its place, and takes it when all of it is there. */
export interface Writing {
  write(data: Buffer): Promise<void>
  /** Now it is there, whole. */
  keep(): Promise<void>
  /** Nothing is left of it. */
  drop(): Promise<void>
}

export const TEMPORARY = /^\.bothy-[0-9a-f-]{36}\.part$/

export async function beginWriting(place: Pick<Place, 'path'>, mode: number | null, mtimeMs: number | null): Promise<Writing> {
  const before = await lstat(place.path).catch(() => null)
  if (before?.isDirectory()) throw new FilesProblem('Invalid', 'There is a folder of that name.')
  const temporary = `${dirname(place.path)}/.bothy-${randomUUID()}.part`
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW
  const file = await open(temporary, flags, 0o600)
  const close = () => file.close().catch(() => {})
  return {
    async write(data) {
      for (let from = 0; from < data.length;) from += (await file.write(data, from)).bytesWritten
    },
    async keep() {
      await file.chmod(mode ?? (before?.isFile() ? before.mode & 0o7777 : 0o644))
      if (mtimeMs !== null) await file.utimes(mtimeMs / 1000, mtimeMs / 1000)
      await file.close()
      await rename(temporary, place.path)
    },
    async drop() {
      await close()
      await rm(temporary, { force: true })
    },
  }
}

export const namesIn = async (path: string): Promise<string[]> => (await readdir(path)).filter((name) => !TEMPORARY.test(name)).toSorted()

export async function dressFolder(path: string, mode: number, mtimeMs: number): Promise<void> {
  const folder = await open(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW)
  try {
    await folder.utimes(mtimeMs / 1000, mtimeMs / 1000)
    await folder.chmod(mode)
  } finally {
    await folder.close()
  }
}
