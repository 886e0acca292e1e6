import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { chmod, constants, copyFile, lchown, lstat, mkdir, readdir, readFile, readlink, realpath, rm, writeFile } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import { Stalled } from '../kernel/errors.ts'

/**
 * What was fetched for one version of a template, as it lies on this machine:
 *
 *   providers/  modules/   as terraform installed them, read-only
 *   manifest.json          which they are, and the checksum of every file
 */
export interface Manifest {
  readonly version: 1
  /** Full addresses with versions. */
  readonly providers: readonly { readonly source: string; readonly version: string }[]
  readonly modules: readonly ModuleSeen[]
  /** Terraform's lock file. */
  readonly lock: string
  readonly files: Readonly<Record<string, { readonly size: number; readonly sha256: string }>>
}

export interface ModuleSeen {
  readonly Key: string
  readonly Source: string
  readonly Version?: string
  /** In the template's tree, or below MODULES where it was fetched. */
  readonly Dir: string
}

/** A folder of it that was found sound, as it is now. */
export interface Shared {
  readonly folder: string
  readonly manifest: Manifest
  /** Only what other people's providers do needs the network. */
  readonly network: boolean
}

/** Stands for the folder of fetched modules, which lies elsewhere for each build. */
export const MODULES = '@modules'
export const MANIFEST = 'manifest.json'

const FILES_MAX = 50_000
const BYTES_MAX = 8 * 1024 ** 3
/** A folder that a sandboxed user filled says nothing about itself that is taken on trust. */
const PARTS = ['providers', 'modules'] as const

export async function readManifest(folder: string): Promise<Manifest | null> {
  try {
    const value: unknown = JSON.parse(await readFile(join(folder, MANIFEST), 'utf8'))
    return isManifest(value) ? value : null
  } catch {
    return null
  }
}

const isManifest = (value: unknown): value is Manifest =>
  typeof value === 'object' && value !== null && 'version' in value && value.version === 1 && 'files' in value && 'lock' in value

export const writeManifest = async (folder: string, manifest: Manifest): Promise<void> => {
  await writeFile(join(folder, MANIFEST), JSON.stringify(manifest), { mode: 0o444 })
}

/** The message of the first file that is not what was written down; null: all are. */
export async function damageIn(folder: string, manifest: Manifest): Promise<string | null> {
  const found = await filesBelow(folder)
  for (const [path, { size, sha256 }] of Object.entries(manifest.files)) {
    if (!found.delete(path)) return `${path} is missing`
    const file = join(folder, path)
    if ((await lstat(file)).size !== size || (await checksumOf(file)) !== sha256) return `${path} is not what was fetched`
  }
  const [stranger] = found
  return stranger === undefined ? null : `${stranger} was not there before`
}

/** Changes when any file does: cheap enough to be asked before each build. */
export async function signatureOf(folder: string): Promise<string> {
  const hash = createHash('sha256')
  for (const path of [...(await filesBelow(folder)), MANIFEST].toSorted()) {
    const { ino, size, mtimeMs, ctimeMs } = await lstat(join(folder, path))
    hash.update(`${path}\0${ino}\0${size}\0${mtimeMs}\0${ctimeMs}\n`)
  }
  return hash.digest('hex')
}

/** Makes ours what terraform installed: copies what it only linked to, closes everything to writing, and takes checksums. */
export async function settleFiles(
  folder: string,
  linked: { readonly seen: string; readonly outside: string } | null,
): Promise<Manifest['files']> {
  for (const part of PARTS) await settleLinks(join(folder, part), part === 'providers' ? linked : null)
  const files: Record<string, Manifest['files'][string]> = {}
  let bytes = 0
  for (const path of [...(await filesBelow(folder))].toSorted()) {
    const file = join(folder, path)
    const { size, mode } = await lstat(file)
    bytes += size
    if (bytes > BYTES_MAX)
      throw new Stalled('ProviderUnavailable', `the providers and modules are larger than ${BYTES_MAX / 1024 ** 3} GiB together`)
    await own(file, (mode & 0o100) === 0 ? 0o444 : 0o555)
    files[path] = { size, sha256: await checksumOf(file) }
  }
  return files
}

async function own(path: string, mode: number): Promise<void> {
  if (process.getuid?.() === 0) await lchown(path, 0, 0)
  await chmod(path, mode)
}

/** Links that terraform made into a mirror become copies; others stay only where they lead to somewhere beside them. */
async function settleLinks(folder: string, linked: { readonly seen: string; readonly outside: string } | null): Promise<void> {
  const root = await realpath(folder).catch(() => null)
  if (root === null) return
  for (const entry of await readdir(root, { withFileTypes: true, recursive: true })) {
    const path = join(entry.parentPath, entry.name)
    if (entry.isDirectory() && entry.name === '.git') await rm(path, { recursive: true, force: true })
    if (entry.isDirectory() || entry.isFile()) continue
    if (!entry.isSymbolicLink()) {
      await rm(path, { force: true })
      continue
    }
    const target = await readlink(path).catch(() => null)
    if (target === null) continue
    if (linked && (target === linked.seen || target.startsWith(`${linked.seen}/`))) {
      await copyFrom(linked.outside, join(linked.outside, target.slice(linked.seen.length)), path)
    } else {
      const real = await realpath(path).catch(() => null)
      await rm(path, { force: true })
      // A link to a file beside it is that file; one to anywhere else was nobody's to follow.
      if (real !== null && real.startsWith(`${root}${sep}`) && (await lstat(real)).isFile()) await copyFile(real, path)
    }
  }
}

async function copyFrom(mirror: string, from: string, to: string): Promise<void> {
  const [root, real] = await Promise.all([realpath(mirror), realpath(from)])
  if (!real.startsWith(`${root}${sep}`)) throw new Stalled('ProviderUnavailable', `${from} leads out of the mirror`)
  await rm(to)
  await copyTree(real, to)
}

async function copyTree(from: string, to: string): Promise<void> {
  const found = await lstat(from)
  if (found.isFile()) {
    await copyFile(from, to, constants.COPYFILE_FICLONE)
    await chmod(to, found.mode & 0o777)
  } else if (found.isDirectory()) {
    await mkdir(to)
    for (const name of await readdir(from)) await copyTree(join(from, name), join(to, name))
  }
}

/** Paths of files, ours aside. Folders are made readable on the way. */
async function filesBelow(folder: string): Promise<Set<string>> {
  const files = new Set<string>()
  for (const part of PARTS) {
    const entries = await readdir(join(folder, part), { withFileTypes: true, recursive: true }).catch(() => [])
    for (const entry of entries) {
      if (entry.isDirectory()) continue
      if (files.size >= FILES_MAX)
        throw new Stalled('ProviderUnavailable', `there are more than ${FILES_MAX} files of providers and modules`)
      files.add(relative(folder, join(entry.parentPath, entry.name)))
    }
  }
  return files
}

/** After everything lies where it will stay: folders that cannot be written cannot be moved either. */
export async function closeFolders(folder: string): Promise<void> {
  const folders = await foldersBelow(folder)
  for (const path of folders.toReversed()) await own(path, 0o555)
}

/** Also where everything in it was closed to writing. */
export async function removePrepared(folder: string): Promise<void> {
  for (const path of await foldersBelow(folder)) await chmod(path, 0o755).catch(() => {})
  await rm(folder, { recursive: true, force: true, maxRetries: 2 })
}

/** Parents first. */
async function foldersBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true }).catch(() => [])
  return [folder, ...entries.filter((entry) => entry.isDirectory()).map((entry) => join(entry.parentPath, entry.name))].toSorted()
}

function checksumOf(path: string): Promise<string> {
  const hash = createHash('sha256')
  return new Promise((resolve, reject) => {
    createReadStream(path)
      .on('data', (data) => hash.update(data))
      .once('end', () => resolve(hash.digest('hex')))
      .once('error', reject)
  })
}
