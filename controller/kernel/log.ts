import { toIso, type Clock, type Instant } from './clock.ts'

export type Level = 'debug' | 'info' | 'warn' | 'error'
export type Fields = Readonly<Record<string, unknown>>

/** Handed in, never imported as a singleton. Never log a secret, a file's body or a value of a parameter. */
export interface Log {
  debug(message: string, fields?: Fields): void
  info(message: string, fields?: Fields): void
  warn(message: string, fields?: Fields): void
  error(message: string, fields?: Fields): void
  with(fields: Fields): Log
}

const ORDER: Readonly<Record<Level, number>> = { debug: 0, info: 1, warn: 2, error: 3 }
const SECRET_NAME = /token|secret|password|passwd|authorization|cookie|credential|private_?key|api_?key|database_?url/i
const FIELD_LENGTH_MAX = 4096
const DEPTH_MAX = 6

export interface Line {
  readonly at: Instant
  readonly level: Level
  readonly message: string
  /** Without what is secret by its name. */
  readonly fields: Fields
}

/** Everything from this level on is told to each of them. */
export function createLog(clock: Clock, level: Level, told: readonly ((line: Line) => void)[], fields: Fields = {}): Log {
  const at =
    (lineLevel: Level) =>
    (message: string, more: Fields = {}) => {
      if (ORDER[lineLevel] < ORDER[level]) return
      const line = { at: clock.now(), level: lineLevel, message, fields: redacted({ ...fields, ...more }) }
      for (const tell of told) tell(line)
    }
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    with: (more) => createLog(clock, level, told, { ...fields, ...more }),
  }
}

/** One JSON object a line. */
export const asJson =
  (write: (line: string) => void) =>
  ({ at, level, message, fields }: Line): void =>
    write(`${JSON.stringify({ at: toIso(at), level, message, ...fields })}\n`)

export const jsonLog = (clock: Clock, level: Level, write: (line: string) => void, fields: Fields = {}): Log =>
  createLog(clock, level, [asJson(write)], fields)

export const silentLog: Log = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  with: () => silentLog,
}

export function redacted(fields: Fields): Fields {
  return redact(fields, 0) as Fields
}

function redact(value: unknown, depth: number): unknown {
  if (depth > DEPTH_MAX) return '…'
  if (typeof value === 'string') return value.length > FIELD_LENGTH_MAX ? `${value.slice(0, FIELD_LENGTH_MAX)}…` : value
  if (typeof value === 'bigint') return value.toString()
  if (value instanceof Error) return withStack(value)
  if (Array.isArray(value)) return value.map((item) => redact(item, depth + 1))
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [name, SECRET_NAME.test(name) && item ? '[redacted]' : redact(item, depth + 1)]),
  )
}

const withStack = (error: Error) => ({
  name: error.name,
  message: error.message,
  stack: error.stack,
  ...(error.cause === undefined ? {} : { cause: String(error.cause) }),
})
