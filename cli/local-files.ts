import { randomUUID } from 'node:crypto'
import { constants } from 'node:fs'
import { chmod, lstat, mkdir, open, readdir, readlink, rename, rm, symlink, utimes, type FileHandle } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { readTar, TAR_END, tarHeader, tarPadding, type TarEntry } from '../controller/kernel/tar.ts'
import { EXIT, Failure } from './failure.ts'

/** Files of this machine, as `bothy cp` reads and writes them. */

const READ_BYTES = 64 * 1024
/** Nothing that a workspace sends runs here as its owner. */
const PERMISSIONS = 0o777

export async function* packLocal(path: string, name: string): AsyncGenerator<Buffer> {
  yield* packEntry(path, name)
  yield TAR_END
}

async function* packEntry(path: string, name: string): AsyncGenerator<Buffer> {
  const found = await lstat(path)
  const entry = { path: name, mode: found.mode & 0o7777, mtimeMs: Math.floor(found.mtimeMs), size: 0, target: '' }
  if (found.isSymbolicLink()) yield tarHeader({ ...entry, type: 'link', target: await readlink(path) })
  else if (found.isDirectory()) {
    yield tarHeader({ ...entry, type: 'folder' })
    for (const each of (await readdir(path)).toSorted()) yield* packEntry(join(path, each), `${name}/${each}`)
  } else if (found.isFile()) {
    const { size } = found
    yield tarHeader({ ...entry, type: 'file', size })
    let sent = 0
    for await (const part of readLocal(path, size)) {
      sent += part.length
      yield part
    }
    if (sent < size) throw new Failure(EXIT.didNotBecomeSo, { what: `${path} became shorter while it was read`, fix: 'try it again' })
    yield tarPadding(size)
  }
}

export async function* readLocal(path: string, most = Number.POSITIVE_INFINITY): AsyncGenerator<Buffer> {
  const file = await open(path, 'r')
  try {
    for (let left = most; left > 0;) {
      const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(Math.min(READ_BYTES, left)))
      if (bytesRead === 0) return
      left -= bytesRead
      yield buffer.subarray(0, bytesRead)
    }
  } finally {
    await file.close()
  }
}

/** Written beside its place, and there when all of it is. */
export async function writeLocal(path: string, source: AsyncIterable<Buffer>, mode: number, mtimeMs: number): Promise<void> {
  const writing = await beginLocal(path)
  try {
    for await (const part of source) await writeAll(writing.file, part)
    await keepLocal(writing, path, mode, mtimeMs)
  } finally {
    await dropLocal(writing)
  }
}

interface Writing {
  readonly file: FileHandle
  readonly temporary: string
}

async function beginLocal(path: string): Promise<Writing> {
  const temporary = join(dirname(path), `.bothy-${randomUUID()}.part`)
  return { temporary, file: await open(temporary, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600) }
}

async function writeAll(file: FileHandle, data: Buffer): Promise<void> {
  for (let from = 0; from < data.length;) from += (await file.write(data, from)).bytesWritten
}

async function keepLocal({ file, temporary }: Writing, path: string, mode: number, mtimeMs: number): Promise<void> {
  await file.chmod(mode & PERMISSIONS)
  await file.utimes(mtimeMs / 1000, mtimeMs / 1000)
  await file.close()
  await rename(temporary, path)
}

/** Of what was kept there is nothing to drop. */
async function dropLocal({ file, temporary }: Writing): Promise<void> {
  await file.close().catch(() => {})
  await rm(temporary, { force: true })
}

/**
 * What a workspace sends is put below `target` and nowhere else: no name leads out of it, and no link that came with it is
 * followed.
 */
export async function unpackLocal(target: string, source: AsyncIterable<Buffer>): Promise<void> {
  const folders: { readonly path: string; readonly entry: TarEntry }[] = []
  let writing: (Writing & { readonly path: string; readonly entry: TarEntry }) | null = null
  try {
    for await (const part of readTar(source)) {
      if (part.is === 'entry') {
        const path = await placeOf(target, part.entry)
        if (part.entry.type === 'file') writing = { ...(await beginLocal(path)), path, entry: part.entry }
        else if (part.entry.type === 'folder') {
          await makeFolder(path)
          folders.push({ path, entry: part.entry })
        } else {
          const temporary = join(dirname(path), `.bothy-${randomUUID()}.part`)
          await symlink(part.entry.target, temporary)
          await rename(temporary, path)
        }
      } else if (part.is === 'data') {
        if (writing) await writeAll(writing.file, part.data)
      } else if (writing) {
        await keepLocal(writing, writing.path, writing.entry.mode, writing.entry.mtimeMs)
        writing = null
      }
    }
  } finally {
    if (writing) await dropLocal(writing)
  }
  for (const { path, entry } of folders.toReversed()) {
    await utimes(path, entry.mtimeMs / 1000, entry.mtimeMs / 1000)
    await chmod(path, entry.mode & PERMISSIONS)
  }
}

/** The first name of the stream is the folder that was asked for, whatever it is called here. */
async function placeOf(target: string, { path, type }: TarEntry): Promise<string> {
  const [, ...below] = path.split('/')
  if (path.startsWith('/') || path.split('/').some((part) => part === '..' || part === '' || part.includes('\0')))
    throw new Failure(EXIT.refused, { what: `the workspace sent the name ${JSON.stringify(path.slice(0, 200))}, which leads elsewhere` })
  // A folder was asked for: a link in its place would lead all that follows elsewhere.
  if (below.length === 0 && type !== 'folder')
    throw new Failure(EXIT.refused, { what: `the workspace sent a ${type} in the place of the folder ${target}` })
  let place = target
  for (const part of below) {
    await refuseLink(place)
    place = join(place, part)
  }
  return place
}

async function refuseLink(path: string): Promise<void> {
  const found = await lstat(path).catch(() => null)
  if (!found?.isDirectory())
    throw new Failure(EXIT.refused, { what: `the workspace sent something that goes through ${path}, which is no folder` })
}

async function makeFolder(path: string): Promise<void> {
  await mkdir(path, { mode: 0o700 }).catch(async (error: unknown) => {
    const there = await lstat(path).catch(() => null)
    if (!there?.isDirectory()) throw error
  })
}
