import { createHash } from 'node:crypto'
import { Stalled } from '../controller/kernel/errors.ts'

/** A template's files as they are stored and unpacked: what a build needs, nothing that runs or leaks by being shipped. */

export interface TemplateFile {
  readonly path: string
  readonly encoding: 'utf8' | 'base64'
  readonly content: string
}

export interface NormalisedTemplate {
  /** `sha256:…` of paths and bytes: the same files always have the same digest, wherever they came from. */
  readonly digest: string
  /** In order of path. */
  readonly files: readonly TemplateFile[]
}

export const FILES_MAX = 1000
export const FILES_BYTES_MAX = 10 * 1024 * 1024
export const FILE_DEPTH_MAX = 16
export const FILE_PATH_MAX = 255

/** Folders that are never part of a template: `.terraform` may hold a provider that terraform would run from there. */
const FOLDERS_LEFT_OUT = new Set(['.terraform', '.git'])
const NAMES_LEFT_OUT = /\.tfstate(\..*)?$|\.auto\.tfvars(\.json)?$/

/** Whether a path is left out of every template: for walkers, which need not read what is dropped anyway. */
export const isLeftOut = (path: string): boolean => {
  const parts = path.split('/')
  return parts.some((part) => FOLDERS_LEFT_OUT.has(part)) || NAMES_LEFT_OUT.test(parts.at(-1) ?? '')
}

/** Throws `Stalled(TemplateInvalid)`, naming the path, where the files cannot be a template. */
export function normaliseTemplate(given: ReadonlyMap<string, string | Uint8Array>): NormalisedTemplate {
  const kept: [string, Uint8Array][] = []
  let bytes = 0
  for (const [path, content] of given) {
    const problem = pathProblem(path)
    if (problem) throw invalid(`template file "${shown(path)}" ${problem}`)
    if (isLeftOut(path)) continue
    const data = typeof content === 'string' ? Buffer.from(content, 'utf8') : content
    bytes += data.byteLength
    if (kept.push([path, data]) > FILES_MAX) throw invalid(`the template has more than ${FILES_MAX} files`)
    if (bytes > FILES_BYTES_MAX) throw invalid(`the template's files are larger than ${FILES_BYTES_MAX / 1024 / 1024} MiB together`)
  }
  if (kept.length === 0) throw invalid('the template has no files')
  kept.sort(([a], [b]) => (a < b ? -1 : 1))
  refuseFileAsFolder(kept.map(([path]) => path))
  return { digest: digestOf(kept), files: kept.map(([path, data]) => encoded(path, data)) }
}

/** The bytes of a stored file. */
export const contentOf = (file: TemplateFile): Buffer => Buffer.from(file.content, file.encoding)

function pathProblem(path: string): string | null {
  const parts = path.split('/')
  if (path === '' || Buffer.byteLength(path) > FILE_PATH_MAX) return `must have a path of 1 to ${FILE_PATH_MAX} bytes`
  if (path.startsWith('/') || /^[A-Za-z]:/.test(path)) return 'must have a relative path'
  if (parts.includes('..')) return 'must not lead out of the template with ".."'
  if (parts.includes('') || parts.includes('.')) return 'must not have empty or "." parts in its path'
  // oxlint-disable-next-line no-control-regex -- control characters are exactly what is refused
  if (/[\\\u0000-\u001f\u007f]/.test(path)) return 'must not have backslashes or control characters in its path'
  return parts.length > FILE_DEPTH_MAX ? `lies deeper than ${FILE_DEPTH_MAX} folders` : null
}

function refuseFileAsFolder(paths: readonly string[]): void {
  const all = new Set(paths)
  for (const path of paths) {
    const parts = path.split('/')
    const folder = parts.map((_, count) => parts.slice(0, count).join('/')).find((parent) => all.has(parent))
    if (folder) throw invalid(`template file "${shown(folder)}" cannot also be the folder of "${shown(path)}"`)
  }
}

function digestOf(files: readonly (readonly [string, Uint8Array])[]): string {
  const hash = createHash('sha256')
  // Lengths before contents, so that no two different sets of files write the same bytes.
  for (const [path, data] of files) hash.update(`${Buffer.byteLength(path)}:${path}:${data.byteLength}:`).update(data)
  return `sha256:${hash.digest('hex')}`
}

function encoded(path: string, data: Uint8Array): TemplateFile {
  const buffer = Buffer.from(data.buffer, data.byteOffset, data.byteLength)
  const text = buffer.toString('utf8')
  // Bytes that are no UTF-8, and NUL, which Postgres cannot keep in text, travel as base64.
  const isText = !text.includes('\0') && Buffer.from(text, 'utf8').equals(buffer)
  return isText ? { path, encoding: 'utf8', content: text } : { path, encoding: 'base64', content: buffer.toString('base64') }
}

const invalid = (message: string): Stalled => new Stalled('TemplateInvalid', message)
const shown = (path: string): string => (path.length > 120 ? `${path.slice(0, 120)}…` : path)
