import { FILE_OPS, type FilesAsked } from './protocol.ts'

/** null: what was asked makes no sense. */
export function filesAskedIn(header: string): FilesAsked | null {
  let value: unknown
  try {
    value = JSON.parse(decodeURIComponent(header))
  } catch {
    return null
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null
  const given: Readonly<Record<string, unknown>> = { ...value }
  const op = FILE_OPS.find((each) => each === given['op'])
  const [path, root, to] = [textIn(given['path']), textIn(given['root']), textIn(given['to'])]
  if (!op || path === null || root === null || to === null || (root !== '' && !root.startsWith('/'))) return null
  const [offset, length, mode, mtimeMs] = ['offset', 'length', 'mode', 'mtimeMs'].map((name) => countIn(given[name]))
  return {
    op,
    path,
    root,
    to,
    offset: offset ?? 0,
    length: length ?? null,
    mode: mode === undefined || mode === null ? null : mode & 0o7777,
    mtimeMs: mtimeMs ?? null,
    recursive: given['recursive'] === true,
  }
}

const textIn = (value: unknown): string | null =>
  value === undefined ? '' : typeof value === 'string' && !value.includes('\0') ? value : null
const countIn = (value: unknown): number | null => (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : null)
