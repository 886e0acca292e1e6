import { stat } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { Readable } from 'node:stream'
import { messageOf } from '../controller/kernel/errors.ts'
import { enteredName } from './entered-name.ts'
import { EXIT, Failure, usage } from './failure.ts'
import { filesClient, type FilesClient } from './files-client.ts'
import { packLocal, readLocal, unpackLocal, writeLocal } from './local-files.ts'
import { createProgress, type Progress } from './progress.ts'
import type { Run } from './session.ts'

/** Copies files and folders between this machine and a workspace. */

interface Place {
  /** As it was typed. */
  readonly text: string
  readonly namespace: string
  /** null: of this machine. */
  readonly workspace: string | null
  readonly agent: string | null
  readonly path: string
}

const HELP = 'write WORKSPACE:PATH for what is in a workspace, and ./A:B for a name of this machine with a colon'

/** A colon behind a slash belongs to a name of this machine. */
export function placeNamed(text: string, namespace = 'default'): Place {
  const colon = text.indexOf(':')
  const slash = text.indexOf('/')
  if (colon < 1 || (slash !== -1 && slash < colon)) return { text, namespace, workspace: null, agent: null, path: text }
  const { namespace: named, workspace, agent } = enteredName(text.slice(0, colon), namespace)
  const path = text.slice(colon + 1).replace(/^~\/?/, '')
  return { text, namespace: named, workspace, agent, path: path === '' ? '.' : path }
}

export const run: Run = async (session, args, options) => {
  const places = args.map((text) => placeNamed(text, session.namespace))
  const to = places.at(-1)
  const from = places.slice(0, -1)
  const recursive = options.flag('recursive')
  if (!to || from.length === 0) throw usage('cp needs what to copy and where to', HELP)
  if (from.some(({ workspace }) => (workspace === null) === (to.workspace === null)))
    throw usage('cp copies into a workspace, or out of one', HELP)
  const clients = new Map<string, FilesClient>()
  const filesOf = ({ namespace, workspace, agent }: Place): FilesClient => {
    const name = `${namespace}/${workspace}.${agent ?? ''}`
    const known = clients.get(name) ?? filesClient(session.client(), { namespace, workspace: workspace ?? '', agent })
    clients.set(name, known)
    return known
  }
  const progress = createProgress({ ...session.terminal, quiet: session.terminal.quiet || !session.terminal.draws }, session.clock)
  const counted = counterOf(progress)
  try {
    for (const each of from) {
      const many = from.length > 1
      if (to.workspace === null) await copyOut(filesOf(each), each, to, { recursive, many, counted })
      else await copyIn(filesOf(to), each, to, { recursive, many, counted })
    }
  } catch (error) {
    throw error instanceof Failure ? error : failureHere(error)
  } finally {
    progress.end()
  }
  return EXIT.done
}

interface How {
  readonly recursive: boolean
  /** Several sources: they go into a folder. */
  readonly many: boolean
  readonly counted: (what: string, source: AsyncIterable<Buffer>) => AsyncGenerator<Buffer>
}

async function copyIn(files: FilesClient, from: Place, to: Place, { recursive, many, counted }: How): Promise<void> {
  const there = await files.stat(to.path)
  const into = there?.type === 'folder'
  if (many && !into) throw notFolder(to)
  if (from.path === '-') {
    if (into) throw usage(`"${to.text}" is a folder`, 'name the file that stdin is to become')
    return files.put('write', to.path, Readable.from(counted(to.text, stdinParts())))
  }
  const found = await stat(from.path)
  const name = basename(resolve(from.path))
  const target = into ? join(to.path, name) : to.path
  const sent = (source: AsyncIterable<Buffer>) => Readable.from(counted(from.text, source))
  if (found.isDirectory()) {
    if (!recursive) throw isFolder(from)
    const parent = dirname(target.replace(/\/+$/, ''))
    // The path may end with the name of the folder itself: "." stands for the home folder.
    return files.put('unpack', parent, sent(packLocal(resolve(from.path), basename(target))))
  }
  if (to.path.endsWith('/') && !into) throw notFolder(to)
  const query = { mode: (found.mode & 0o7777).toString(8), mtime: String(Math.max(0, Math.floor(found.mtimeMs))) }
  return files.put('write', target, sent(readLocal(from.path)), query)
}

async function copyOut(files: FilesClient, from: Place, to: Place, { recursive, many, counted }: How): Promise<void> {
  const found = await files.stat(from.path)
  if (!found) throw new Failure(EXIT.notFound, { what: `there is no ${from.text}`, fix: 'look at what is there with bothy exec' })
  const get = (op: 'read' | 'pack') => counted(from.text, files.get(op, from.path))
  if (to.path === '-') {
    if (found.type === 'folder') throw isFolder(from)
    return writeOut(get('read'))
  }
  const there = await stat(to.path).catch(() => null)
  const into = there?.isDirectory() ?? false
  if (!into && (many || to.path.endsWith('/'))) throw notFolder(to)
  const name = basename(from.path) === '.' ? (from.workspace ?? '') : basename(from.path)
  const target = into ? join(to.path, name) : to.path
  if (found.type === 'folder') {
    if (!recursive) throw isFolder(from)
    return unpackLocal(resolve(target), get('pack'))
  }
  if (found.type !== 'file') throw new Failure(EXIT.refused, { what: `${from.text} is neither a file nor a folder` })
  await writeLocal(resolve(target), get('read'), found.mode, found.mtimeMs)
}

const isFolder = ({ text }: Place): Failure => usage(`"${text}" is a folder`, 'copy folders with -r')
const notFolder = ({ text }: Place): Failure => usage(`"${text}" is no folder`, 'make it first, or leave the slash out')

async function* stdinParts(): AsyncGenerator<Buffer> {
  for await (const part of process.stdin) if (Buffer.isBuffer(part)) yield part
}

async function writeOut(source: AsyncIterable<Buffer>): Promise<void> {
  for await (const part of source) {
    if (!process.stdout.write(part)) await new Promise<void>((done) => process.stdout.once('drain', done))
  }
}

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const

export function sizeText(bytes: number): string {
  const power = Math.min(UNITS.length - 1, bytes < 1 ? 0 : Math.floor(Math.log2(bytes) / 10))
  const value = bytes / 1024 ** power
  return `${power === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${UNITS[power]}`
}

const STEP_BYTES = 1024 * 1024

const counterOf = (progress: Progress): How['counted'] =>
  async function* counted(what, source) {
    let bytes = 0
    let shown = 0
    progress.step(what)
    for await (const part of source) {
      bytes += part.length
      if (bytes - shown >= STEP_BYTES) progress.step(`${what}  ${sizeText((shown = bytes))}`)
      yield part
    }
  }

const SENTENCES: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file or folder here',
  EACCES: 'it may not be read or written here',
  EPERM: 'that is not permitted here',
  ENOSPC: 'no space is left here',
  EISDIR: 'it is a folder here',
  ENOTDIR: 'something on the way is no folder here',
}

/** Of this machine's own files. */
function failureHere(error: unknown): Failure {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  const path = error instanceof Error && 'path' in error ? `${String(error.path)}: ` : ''
  return new Failure(code === 'ENOENT' ? EXIT.notFound : EXIT.didNotBecomeSo, { what: `${path}${SENTENCES[code] ?? messageOf(error)}` })
}
