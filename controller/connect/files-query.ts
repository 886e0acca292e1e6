import type { FileOp, FilesAsked } from '../../agent/protocol.ts'
import { Refused } from '../kernel/errors.ts'

export interface FilesQuery {
  readonly method: 'GET' | 'PUT' | 'POST'
}

/** What is asked with which method: what only looks is a GET. */
const OPS: Readonly<Record<FilesQuery['method'], readonly FileOp[]>> = {
  GET: ['stat', 'list', 'read', 'watch', 'pack'],
  PUT: ['write', 'unpack'],
  POST: ['mkdir', 'remove', 'move'],
}

export function filesQuery(method: FilesQuery['method'], query: URLSearchParams): FilesAsked {
  const op = OPS[method].find((each) => each === (query.get('op') ?? OPS[method][0]))
  if (!op) throw wrong('op', `must be one of ${OPS[method].join(', ')} with ${method}`)
  const root = query.get('root') ?? ''
  if (root !== '' && !root.startsWith('/')) throw wrong('root', 'must be an absolute path')
  const to = query.get('to') ?? ''
  if (op === 'move' && to === '') throw wrong('to', 'must say where to')
  return {
    op,
    path: textOf(query, 'path'),
    root,
    to: textOf(query, 'to'),
    offset: numberOf(query, 'offset', 10) ?? 0,
    length: numberOf(query, 'length', 10),
    mode: numberOf(query, 'mode', 8),
    mtimeMs: numberOf(query, 'mtime', 10),
    recursive: ['true', '1'].includes(query.get('recursive') ?? ''),
  }
}

const PATH_LENGTH_MAX = 4096

function textOf(query: URLSearchParams, name: string): string {
  const text = query.get(name) ?? ''
  if (text.length > PATH_LENGTH_MAX || text.includes('\0')) throw wrong(name, 'is no path')
  return text
}

function numberOf(query: URLSearchParams, name: string, base: 8 | 10): number | null {
  const text = query.get(name)
  if (text === null || text === '') return null
  const number = (base === 8 ? /^[0-7]{1,5}$/ : /^\d{1,15}$/).test(text) ? Number.parseInt(text, base) : null
  if (number === null) throw wrong(name, base === 8 ? 'must be a mode like 0644' : 'must be a whole number')
  return number
}

const wrong = (name: string, what: string): Refused => new Refused('BadRequest', `${name}: ${what}`)
