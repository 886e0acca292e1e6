import { constants, writeFileSync } from 'node:fs'
import { chown, lstat, mkdir, open, readdir, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { contentOf, normaliseTemplate, type TemplateFile } from '../../crds/files.ts'
import { Stalled } from '../kernel/errors.ts'
import { randomSuffix } from '../kernel/names.ts'
import { CLI_CONFIG } from './cli-config.ts'
import { MODULES, type Manifest } from './prepared-files.ts'
import { TREE } from './sandbox.ts'
import { keepsResources } from './state.ts'

/**
 * Everything a build has on this machine, and the only place its state is ever in plain text:
 *
 *   <state>/builds/<job id>/        0700, of the user that terraform runs as
 *     tree/                         the template's files, our override, terraform.tfstate
 *     data/                         terraform's own data: outside the tree, so that no template can bring it along;
 *                                   what was fetched is only linked to from there
 *     home/  terraformrc  p.sock
 */
export interface WorkFolder {
  readonly path: string
  /** Where the provider is served. Outside the folder when that path would be too long for a socket. */
  readonly socket: string
  readonly socketOutside: boolean
  /** null: nothing but what every build has. */
  readonly shared: SharedPlace | null
}

/** Providers and modules that were fetched before, and where this build sees them. */
export interface SharedPlace {
  readonly outside: string
  readonly inside: string
  readonly manifest: Manifest
  readonly network: boolean
}

export interface Contents {
  readonly files: readonly TemplateFile[]
  readonly digest: string
  readonly state: Buffer | null
  /** What terraform recorded when it was told, once, that state is kept locally. */
  readonly backendRecord: string
  readonly user: number | null
  /** Left out: nothing that was fetched. */
  readonly shared?: SharedPlace | null
  /** Terraform's lock file, where the template ships none. */
  readonly lock?: string | null
  readonly override?: string
  readonly cliConfig?: string
}

export const buildsFolder = (stateDir: string): string => join(stateDir, 'builds')
export const folderOf = (stateDir: string, jobId: string): string => join(buildsFolder(stateDir), jobId)

/** Overrides are merged in order of their names, the last wins: this one must be the last. */
export const OVERRIDE_NAME = 'zz_override.tf'
export const OVERRIDE = 'terraform {\n  backend "local" {}\n}\n'

/** Names that terraform itself gives to files beside a template's. */
export const TREE_FILES = { lock: '.terraform.lock.hcl' } as const
const STATE_FILE = 'terraform.tfstate'
/** Written by terraform when it could not write the other one: then it is the newer. */
const ERRORED_STATE_FILE = 'errored.tfstate'
export const STATE_BYTES_MAX = 64 * 1024 * 1024
/** What the kernel allows for the path of a socket, less its closing zero. */
const SOCKET_PATH_BYTES_MAX = 103

export async function makeFolder(path: string, contents: Contents): Promise<WorkFolder> {
  const files = trusted(contents)
  await makeEmpty(path)
  const made: string[] = [path]
  const folder = async (name: string) => {
    await mkdir(name, { mode: 0o700 })
    made.push(name)
  }
  const file = async (name: string, data: string | Buffer) => {
    await writeFile(name, data, { flag: 'wx', mode: 0o600 })
    made.push(name)
  }
  await Promise.all([TREE, 'data', 'home'].map((name) => folder(join(path, name))))
  for (const name of foldersOf(files)) await folder(join(path, TREE, name))
  for (const each of files) {
    // The one that counts is written below.
    if (each.path !== TREE_FILES.lock || !contents.lock) await file(join(path, TREE, each.path), contentOf(each))
  }
  await Promise.all([
    file(join(path, TREE, OVERRIDE_NAME), contents.override ?? OVERRIDE),
    file(join(path, 'data', STATE_FILE), contents.backendRecord),
    file(join(path, 'terraformrc'), contents.cliConfig ?? CLI_CONFIG),
    ...(contents.state ? [file(join(path, TREE, STATE_FILE), contents.state)] : []),
    ...(contents.lock ? [file(join(path, TREE, TREE_FILES.lock), contents.lock)] : []),
  ])
  const shared = contents.shared ?? null
  if (shared) {
    await symlink(join(shared.inside, 'providers'), join(path, 'data', 'providers'))
    await folder(join(path, 'data', 'modules'))
    await file(join(path, 'data', 'modules', 'modules.json'), JSON.stringify({ Modules: modulesAt(shared) }))
  }
  const { user } = contents
  if (user !== null) await Promise.all(made.map((name) => chown(name, user, user)))
  return { path, ...socketIn(path), shared }
}

const modulesAt = ({ manifest, inside }: SharedPlace): Manifest['modules'] =>
  manifest.modules.map((each) => ({
    ...each,
    Dir: each.Dir.startsWith(MODULES) ? join(inside, 'modules', each.Dir.slice(MODULES.length)) : each.Dir,
  }))

/** What an earlier try of the same job left is in nobody's way. */
async function makeEmpty(path: string): Promise<void> {
  const make = () => mkdir(path, { mode: 0o700 })
  try {
    await make()
  } catch {
    await rm(path, { recursive: true, force: true })
    await mkdir(dirname(path), { recursive: true, mode: 0o700 })
    await make()
  }
}

/** Judged again although they were judged when stored: nothing else stands between these paths and this machine's files. */
function trusted({ files, digest }: Contents): readonly TemplateFile[] {
  const again = normaliseTemplate(new Map(files.map((file) => [file.path, contentOf(file)])))
  if (again.digest !== digest) throw new Stalled('TemplateInvalid', `the stored files of ${digest} are not those that were imported`)
  const later = again.files.find(({ path }) => isRootOverride(path) && path >= OVERRIDE_NAME)
  if (later)
    throw new Stalled('TemplateInvalid', `${later.path}: override files must sort before ${OVERRIDE_NAME}, which pins where state is kept`)
  return again.files
}

const isRootOverride = (path: string): boolean => /^([^/]*_)?override\.tf(\.json)?$|^([^/]*_)?override\.tofu(\.json)?$/.test(path)

/** Parents before children. */
const foldersOf = (files: readonly TemplateFile[]): string[] =>
  [
    ...new Set(
      files.flatMap(({ path }) =>
        path
          .split('/')
          .slice(0, -1)
          .map((_, i, parts) => parts.slice(0, i + 1).join('/')),
      ),
    ),
  ].toSorted()

/** Its folder is made by whoever listens there. */
function socketIn(path: string): Pick<WorkFolder, 'socket' | 'socketOutside'> {
  const inside = join(path, 'p.sock')
  if (Buffer.byteLength(inside) <= SOCKET_PATH_BYTES_MAX) return { socket: inside, socketOutside: false }
  return { socket: join(tmpdir(), `bothy-build-${randomSuffix(12)}`, 'p.sock'), socketOutside: true }
}

/** The newest state that terraform left, or null where it left none that can be read. */
export async function stateIn(path: string): Promise<Buffer | null> {
  for (const name of [ERRORED_STATE_FILE, STATE_FILE]) {
    const bytes = await ownFile(join(path, TREE, name))
    if (bytes && keepsResources(bytes)) return bytes
  }
  return null
}

/** Whether terraform left a state that is more than is ever kept. */
export async function leftTooMuchState(path: string): Promise<boolean> {
  const sizes = [ERRORED_STATE_FILE, STATE_FILE].map(async (name) => (await lstat(join(path, TREE, name)).catch(() => null))?.size ?? 0)
  return (await Promise.all(sizes)).some((size) => size > STATE_BYTES_MAX)
}

/** What a template ran may have put anything here: only a plain file is read, never what a link points to. */
export async function ownFile(path: string): Promise<Buffer | null> {
  try {
    const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
    try {
      const found = await file.stat()
      return found.isFile() && found.size <= STATE_BYTES_MAX ? await file.readFile() : null
    } finally {
      await file.close()
    }
  } catch {
    return null
  }
}

const INTERRUPTED_MARK = 'interrupted'

/**
 * Whether the one SIGINT of this build is ours to send: a second one makes terraform forget what it is making. Asked before
 * each, by its provisioner and by whoever comes later; only the first is told yes.
 */
export function mayInterrupt(path: string): boolean {
  try {
    writeFileSync(join(path, INTERRUPTED_MARK), '', { flag: 'wx' })
    return true
  } catch {
    return false
  }
}

export const removePath = (path: string): Promise<void> => rm(path, { recursive: true, force: true, maxRetries: 2 })

/** Where nobody sweeps it. Answers the place. */
export async function setAside(path: string): Promise<string> {
  const aside = join(dirname(path), `.aside-${basename(path)}`)
  await rename(path, aside)
  return aside
}

/** The ids of jobs that left a folder here. */
export async function foldersLeft(stateDir: string): Promise<string[]> {
  try {
    const found = await readdir(buildsFolder(stateDir), { withFileTypes: true })
    return found.filter((entry) => entry.isDirectory() && !entry.name.startsWith('.')).map((entry) => entry.name)
  } catch {
    return []
  }
}
