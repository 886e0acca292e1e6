import { constants } from 'node:fs'
import { lstat, mkdir, open, readlink, rename, symlink, type FileHandle } from 'node:fs/promises'
import { randomUUID } from 'node:crypto'
import { readTar, TAR_END, tarHeader, tarPadding, type TarEntry } from '../controller/kernel/tar.ts'
import { beginWriting, dressFolder, namesIn, type Writing } from './files-operations.ts'
import { entryOf, FilesProblem, partsOf, type Place } from './inside.ts'

/** Folders with everything in them, as one stream out and in. */

const READ_BYTES = 64 * 1024
const DEPTH_MAX = 128
const FOLDER = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW

/** `named`: what the first entry is called. */
export async function* pack(place: Place, named: string): AsyncGenerator<Buffer> {
  yield* packEntry(place.path, named, 0)
  yield TAR_END
}

/** What is neither file, folder nor link is left out, as is what goes away while it is looked at. */
async function* packEntry(path: string, name: string, depth: number): AsyncGenerator<Buffer> {
  const found = await lstat(path).catch(() => null)
  if (!found || depth > DEPTH_MAX) return
  const entry = { path: name, mode: found.mode & 0o7777, mtimeMs: Math.floor(found.mtimeMs), size: 0, target: '' }
  if (found.isSymbolicLink()) yield tarHeader({ ...entry, type: 'link', target: await readlink(path) })
  else if (found.isFile()) yield* packFile(path, entry)
  else if (found.isDirectory()) {
    const folder = await open(path, FOLDER)
    try {
      yield tarHeader({ ...entry, type: 'folder' })
      for (const each of await namesIn(`/proc/self/fd/${folder.fd}`)) yield* packEntry(entryOf(folder, each), `${name}/${each}`, depth + 1)
    } finally {
      await folder.close()
    }
  }
}

/** Of the size that was told, also where the file grows or shrinks meanwhile. */
async function* packFile(path: string, entry: Omit<TarEntry, 'type'>): AsyncGenerator<Buffer> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  try {
    const { size } = await file.stat()
    yield tarHeader({ ...entry, type: 'file', size })
    let left = size
    while (left > 0) {
      const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(Math.min(READ_BYTES, left)))
      if (bytesRead === 0) throw new FilesProblem('Busy', `${entry.path} became shorter while it was read: try again.`)
      left -= bytesRead
      yield buffer.subarray(0, bytesRead)
    }
    yield tarPadding(size)
  } finally {
    await file.close()
  }
}

export interface Unpacked {
  readonly entries: number
  readonly bytes: number
}

/**
 * Below `place`, which is a folder. Nothing is followed on the way down, so that a link of the stream itself leads nowhere;
 * each file takes its place when it is whole.
 */
export async function unpack(place: Place, source: AsyncIterable<Buffer>): Promise<Unpacked> {
  const root = await open(place.path, FOLDER)
  const folders: { readonly parts: readonly string[]; readonly entry: TarEntry }[] = []
  let writing: { readonly into: Writing; readonly held: Held } | null = null
  let [entries, bytes] = [0, 0]
  try {
    for await (const part of readTar(source)) {
      if (part.is === 'entry') {
        const parts = safeParts(part.entry.path)
        entries += 1
        if (parts.length === 0) continue
        const held = await parentOf(root, parts)
        if (part.entry.type === 'file') {
          const into = await beginWriting({ path: held.path }, part.entry.mode, part.entry.mtimeMs)
          writing = { into, held }
          continue
        }
        await (part.entry.type === 'folder' ? makeFolder(held.path) : makeLink(held.path, part.entry.target)).finally(held.close)
        if (part.entry.type === 'folder') folders.push({ parts, entry: part.entry })
      } else if (part.is === 'data') {
        bytes += part.data.length
        await writing?.into.write(part.data)
      } else if (writing) {
        await writing.into.keep()
        await writing.held.close()
        writing = null
      }
    }
    // Last, and from below: what is put into a folder changes its time, and may not be let in by its mode.
    for (const { parts, entry } of folders.toReversed()) {
      const held = await parentOf(root, parts)
      await dressFolder(held.path, entry.mode, entry.mtimeMs).finally(held.close)
    }
    return { entries, bytes }
  } finally {
    await writing?.into.drop()
    await writing?.held.close()
    await root.close()
  }
}

function safeParts(path: string): string[] {
  if (path.startsWith('/') || path.split('/').includes('..'))
    throw new FilesProblem('Outside', `The stream has the name ${JSON.stringify(path.slice(0, 200))}, which leads elsewhere.`)
  return partsOf(path)
}

interface Held {
  readonly path: string
  close(): Promise<void>
}

/** Folders that the stream leaves out are made. */
async function parentOf(root: FileHandle, parts: readonly string[]): Promise<Held> {
  let folder = root
  const leave = async () => {
    if (folder !== root) await folder.close()
  }
  try {
    for (const part of parts.slice(0, -1)) {
      const path = entryOf(folder, part)
      const next = await open(path, FOLDER).catch(async (error: unknown) => {
        if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error
        await mkdir(path, 0o755)
        return open(path, FOLDER)
      })
      await leave()
      folder = next
    }
    return { path: entryOf(folder, parts.at(-1) ?? '.'), close: leave }
  } catch (error) {
    await leave()
    throw error
  }
}

async function makeFolder(path: string): Promise<void> {
  await mkdir(path, 0o700).catch(async (error: unknown) => {
    if (!(await lstat(path).catch(() => null))?.isDirectory()) throw error
  })
}

/** In place of a file or link of that name; never in place of a folder. */
async function makeLink(path: string, target: string): Promise<void> {
  const temporary = `${path.slice(0, path.lastIndexOf('/'))}/.bothy-${randomUUID()}.part`
  await symlink(target, temporary)
  await rename(temporary, path)
}
