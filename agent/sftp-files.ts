import { constants, type Dir, type Stats } from 'node:fs'
import {
  chmod,
  chown,
  lchown,
  link,
  lstat,
  lutimes,
  open,
  opendir,
  readlink,
  rename,
  statfs,
  truncate,
  unlink,
  utimes,
  type FileHandle,
} from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { Attributes, Entry } from './sftp-codec.ts'

/** What SFTP asks of files, with the rights of the agent's own user: nothing is kept from a person who has a shell here. */

export const MODE_OF_FILES = 0o666
export const MODE_OF_FOLDERS = 0o777

const OPEN = { read: 1, write: 2, append: 4, create: 8, truncate: 16, exclusive: 32 } as const

export function openFlags(asked: number): number {
  const access = asked & OPEN.read && asked & OPEN.write ? constants.O_RDWR : asked & OPEN.write ? constants.O_WRONLY : constants.O_RDONLY
  return (
    access |
    (asked & OPEN.append ? constants.O_APPEND : 0) |
    (asked & OPEN.create ? constants.O_CREAT : 0) |
    (asked & OPEN.truncate ? constants.O_TRUNC : 0) |
    (asked & OPEN.exclusive ? constants.O_EXCL : 0)
  )
}

export async function setAttributes(path: string, { size, owner, mode, times }: Attributes, follow = true): Promise<void> {
  if (size !== undefined) await truncate(path, size)
  if (owner) await (follow ? chown : lchown)(path, owner.uid, owner.gid)
  if (mode !== undefined && follow) await chmod(path, mode)
  if (times) await (follow ? utimes : lutimes)(path, times.atime, times.mtime)
}

export async function setHandleAttributes(file: FileHandle, { size, owner, mode, times }: Attributes): Promise<void> {
  if (size !== undefined) await file.truncate(size)
  if (owner) await file.chown(owner.uid, owner.gid)
  if (mode !== undefined) await file.chmod(mode)
  if (times) await file.utimes(times.atime, times.mtime)
}

/** Version 3 renames onto nothing that is there. A link is made or not, so nobody can come in between. */
export async function renameWithoutReplacing(from: string, to: string): Promise<void> {
  const { isDirectory } = await lstat(from).then((stats) => ({ isDirectory: stats.isDirectory() }))
  if (!isDirectory) {
    const linked = await link(from, to).then(
      () => true,
      (error: NodeJS.ErrnoException) => {
        if (error.code === 'EEXIST') throw error
        return false
      },
    )
    if (linked) return unlink(from)
  }
  const there = await lstat(to).catch(() => null)
  if (there) throw Object.assign(new Error('the target exists'), { code: 'EEXIST' })
  await rename(from, to)
}

export const openFile = open
export const openFolder = (path: string): Promise<Dir> => opendir(path, { bufferSize: 128 })

const ENTRIES_MAX = 100

/** The next entries of a folder; none: it has no more. */
export async function nextEntries(folder: Dir, path: string, atStart: boolean): Promise<Entry[]> {
  const names: string[] = atStart ? ['.', '..'] : []
  while (names.length < ENTRIES_MAX) {
    const next = await folder.read()
    if (!next) break
    names.push(next.name)
  }
  return Promise.all(
    names.map(async (name) => {
      const stats = await lstat(join(path, name)).catch(() => null)
      return { name, long: stats ? longName(name, stats) : name, stats }
    }),
  )
}

/** What `ls -l` would say; clients show it as it is. */
function longName(name: string, stats: Stats): string {
  const date = new Date(stats.mtimeMs).toUTCString()
  const when = `${date.slice(8, 11)} ${date.slice(5, 7)} ${date.slice(12, 16)}`
  const owner = `${String(stats.uid).padEnd(8)} ${String(stats.gid).padEnd(8)}`
  return `${modeText(stats)} ${String(stats.nlink).padStart(4)} ${owner} ${String(stats.size).padStart(10)} ${when} ${name}`
}

const RIGHTS = 'rwxrwxrwx'

function modeText(stats: Stats): string {
  const kind = stats.isDirectory() ? 'd' : stats.isSymbolicLink() ? 'l' : stats.isFIFO() ? 'p' : stats.isSocket() ? 's' : '-'
  return kind + [...RIGHTS].map((letter, i) => (stats.mode & (1 << (8 - i)) ? letter : '-')).join('')
}

/** Whether or not it is there, as clients expect; links are followed where it is. */
export async function realPath(path: string): Promise<string> {
  const { realpath } = await import('node:fs/promises')
  return realpath(path).catch(() => resolve(path))
}

export const linkTarget = (path: string): Promise<string> => readlink(path)

/** In the order of statvfs@openssh.com. */
export async function fileSystem(path: string): Promise<bigint[]> {
  const { bsize, blocks, bfree, bavail, files, ffree } = await statfs(path, { bigint: true })
  return [bsize, bsize, blocks, bfree, bavail, files, ffree, ffree, 0n, 0n, 255n]
}
