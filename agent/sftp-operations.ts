import type { Dir } from 'node:fs'
import { fdatasync } from 'node:fs'
import { link, lstat, mkdir, rename, rmdir, stat, symlink, unlink, type FileHandle } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { answers, REQUEST, STATUS, type Fields } from './sftp-codec.ts'
import {
  fileSystem,
  linkTarget,
  MODE_OF_FILES,
  MODE_OF_FOLDERS,
  nextEntries,
  openFile,
  openFlags,
  openFolder,
  realPath,
  renameWithoutReplacing,
  setAttributes,
  setHandleAttributes,
} from './sftp-files.ts'

/** Each request of SFTP, as a table: what it does, and what it answers. */

export interface SftpState {
  /** What relative paths are relative to. */
  readonly start: string
  readonly home: string
  readonly handles: Map<string, Handle>
  nextHandle: number
}

export type Handle =
  | { readonly file: FileHandle; readonly path: string }
  | { readonly folder: Dir; readonly path: string; atStart: boolean }

type Operation = (state: SftpState, fields: Fields, id: number) => Promise<Buffer | readonly Buffer[]>

const HANDLES_MAX = 256
export const PACKET_BYTES_MAX = 256 * 1024
const READ_BYTES_MAX = PACKET_BYTES_MAX - 1024

class NoSuchHandle extends Error {}

const at = ({ start }: SftpState, path: string): string => resolve(start, path)
const ok = (id: number): Buffer => answers.status(id, STATUS.ok)

function handleOf(state: SftpState, name: string): Handle {
  const handle = state.handles.get(name)
  if (!handle) throw new NoSuchHandle('there is no such handle')
  return handle
}

function fileOf(state: SftpState, name: string): FileHandle {
  const handle = handleOf(state, name)
  if (!('file' in handle)) throw new NoSuchHandle('the handle is a folder')
  return handle.file
}

function keep(state: SftpState, handle: Handle): string {
  const name = String((state.nextHandle += 1))
  state.handles.set(name, handle)
  return name
}

function refuseMany({ handles }: SftpState): void {
  if (handles.size >= HANDLES_MAX) throw new Error(`${HANDLES_MAX} files are open already`)
}

export const closeHandle = (handle: Handle): Promise<void> => ('file' in handle ? handle.file.close() : handle.folder.close())

const OPERATIONS: Readonly<Record<number, Operation>> = {
  async [REQUEST.open](state, fields, id) {
    const [path, flags, { mode = MODE_OF_FILES }] = [at(state, fields.text()), openFlags(fields.number()), fields.attributes()]
    refuseMany(state)
    const file = await openFile(path, flags, mode)
    return answers.handle(id, keep(state, { file, path }))
  },
  async [REQUEST.close](state, fields, id) {
    const name = fields.text()
    const handle = handleOf(state, name)
    state.handles.delete(name)
    await closeHandle(handle)
    return ok(id)
  },
  async [REQUEST.read](state, fields, id) {
    const [file, position, length] = [fileOf(state, fields.text()), fields.large(), fields.number()]
    const buffer = Buffer.allocUnsafe(Math.min(length, READ_BYTES_MAX))
    const { bytesRead } = await file.read(buffer, 0, buffer.length, position)
    return bytesRead === 0 ? answers.status(id, STATUS.eof) : answers.data(id, buffer.subarray(0, bytesRead))
  },
  async [REQUEST.write](state, fields, id) {
    const [file, position, data] = [fileOf(state, fields.text()), fields.large(), fields.bytes()]
    for (let done = 0; done < data.length;) done += (await file.write(data, done, data.length - done, position + done)).bytesWritten
    return ok(id)
  },
  [REQUEST.lstat]: async (state, fields, id) => answers.attributes(id, await lstat(at(state, fields.text()))),
  [REQUEST.stat]: async (state, fields, id) => answers.attributes(id, await stat(at(state, fields.text()))),
  async [REQUEST.fstat](state, fields, id) {
    const handle = handleOf(state, fields.text())
    return answers.attributes(id, 'file' in handle ? await handle.file.stat() : await stat(handle.path))
  },
  async [REQUEST.setstat](state, fields, id) {
    await setAttributes(at(state, fields.text()), fields.attributes())
    return ok(id)
  },
  async [REQUEST.fsetstat](state, fields, id) {
    await setHandleAttributes(fileOf(state, fields.text()), fields.attributes())
    return ok(id)
  },
  async [REQUEST.opendir](state, fields, id) {
    const path = at(state, fields.text())
    refuseMany(state)
    return answers.handle(id, keep(state, { folder: await openFolder(path), path, atStart: true }))
  },
  async [REQUEST.readdir](state, fields, id) {
    const handle = handleOf(state, fields.text())
    if (!('folder' in handle)) throw new NoSuchHandle('the handle is a file')
    const entries = await nextEntries(handle.folder, handle.path, handle.atStart)
    handle.atStart = false
    return entries.length === 0 ? answers.status(id, STATUS.eof) : answers.names(id, entries)
  },
  async [REQUEST.remove](state, fields, id) {
    await unlink(at(state, fields.text()))
    return ok(id)
  },
  async [REQUEST.mkdir](state, fields, id) {
    const [path, { mode = MODE_OF_FOLDERS }] = [at(state, fields.text()), fields.attributes()]
    await mkdir(path, { mode })
    return ok(id)
  },
  async [REQUEST.rmdir](state, fields, id) {
    await rmdir(at(state, fields.text()))
    return ok(id)
  },
  async [REQUEST.realpath](state, fields, id) {
    const name = await realPath(at(state, fields.text()))
    return answers.names(id, [{ name, long: name, stats: null }])
  },
  async [REQUEST.rename](state, fields, id) {
    await renameWithoutReplacing(at(state, fields.text()), at(state, fields.text()))
    return ok(id)
  },
  async [REQUEST.readlink](state, fields, id) {
    const name = await linkTarget(at(state, fields.text()))
    return answers.names(id, [{ name, long: name, stats: null }])
  },
  async [REQUEST.symlink](state, fields, id) {
    // In OpenSSH's order, which is not the draft's: what the link says, and where it is.
    const [target, path] = [fields.text(), at(state, fields.text())]
    await symlink(target, path)
    return ok(id)
  },
  async [REQUEST.extended](state, fields, id) {
    const name = fields.text()
    const extension = Object.hasOwn(EXTENSIONS, name) ? EXTENSIONS[name] : undefined
    return extension ? extension(state, fields, id) : answers.status(id, STATUS.unsupported, 'this extension is not known here')
  },
}

const EXTENSIONS: Readonly<Record<string, Operation>> = {
  async 'posix-rename@openssh.com'(state, fields, id) {
    await rename(at(state, fields.text()), at(state, fields.text()))
    return ok(id)
  },
  async 'hardlink@openssh.com'(state, fields, id) {
    await link(at(state, fields.text()), at(state, fields.text()))
    return ok(id)
  },
  async 'fsync@openssh.com'(state, fields, id) {
    await promisify(fdatasync)(fileOf(state, fields.text()).fd)
    return ok(id)
  },
  async 'lsetstat@openssh.com'(state, fields, id) {
    await setAttributes(at(state, fields.text()), fields.attributes(), false)
    return ok(id)
  },
  'statvfs@openssh.com': async (state, fields, id) => answers.numbers(id, await fileSystem(at(state, fields.text()))),
  'fstatvfs@openssh.com': async (state, fields, id) => answers.numbers(id, await fileSystem(handleOf(state, fields.text()).path)),
  async 'limits@openssh.com'(_state, _fields, id) {
    return answers.numbers(id, [PACKET_BYTES_MAX, READ_BYTES_MAX, READ_BYTES_MAX, HANDLES_MAX])
  },
  async 'expand-path@openssh.com'(state, fields, id) {
    const path = fields.text()
    const name = await realPath(path === '~' || path.startsWith('~/') ? join(state.home, path.slice(1)) : at(state, path))
    return answers.names(id, [{ name, long: name, stats: null }])
  },
}

const VERSIONS: Readonly<Record<string, string>> = {
  'posix-rename@openssh.com': '1',
  'statvfs@openssh.com': '2',
  'fstatvfs@openssh.com': '2',
  'hardlink@openssh.com': '1',
  'fsync@openssh.com': '1',
  'lsetstat@openssh.com': '1',
  'limits@openssh.com': '1',
  'expand-path@openssh.com': '1',
}

export const greeting = (): Buffer => answers.version(3, VERSIONS)

/** Answers every request, whatever becomes of it. */
export async function operate(state: SftpState, type: number, fields: Fields): Promise<readonly Buffer[]> {
  const id = fields.number()
  try {
    const operation = OPERATIONS[type]
    const answer = operation ? await operation(state, fields, id) : answers.status(id, STATUS.unsupported, 'this request is not known here')
    return Buffer.isBuffer(answer) ? [answer] : answer
  } catch (error) {
    return [statusOf(id, error)]
  }
}

const CODES: Readonly<Record<string, number>> = {
  ENOENT: STATUS.noSuchFile,
  ENOTDIR: STATUS.noSuchFile,
  EACCES: STATUS.permissionDenied,
  EPERM: STATUS.permissionDenied,
  EROFS: STATUS.permissionDenied,
}

function statusOf(id: number, error: unknown): Buffer {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  const message = error instanceof Error ? error.message : String(error)
  return answers.status(id, error instanceof RangeError ? STATUS.badMessage : (CODES[code] ?? STATUS.failure), message)
}
