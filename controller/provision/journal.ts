import type { Cancel, Clock } from '../kernel/clock.ts'
import { messageOf } from '../kernel/errors.ts'
import type { Log } from '../kernel/log.ts'
import type { LogRow } from '../store/records.ts'

export type Stage = 'Preparing' | 'Parsing' | 'Planning' | 'Starting' | 'Stopping' | 'Destroying' | 'Cleaning up'

export type Row = Pick<LogRow, 'at' | 'stage' | 'level' | 'text'>

/** A build's log: rows in order, written in batches, without the secrets that were named. */
export interface Journal {
  stage(stage: Stage): void
  write(level: LogRow['level'], text: string): void
  /** From now on this text is never written. */
  conceal(secret: string): void
  redacted(text: string): string
  /** From now on places are told as people wrote them. */
  speakOf(placed: (text: string) => string): void
  /** Whether an error of this text was written. */
  hasSaid(error: string): boolean
  /** One of the secrets is in it. */
  tells(text: string): boolean
  /** How long each stage took so far, in milliseconds. */
  stages(): Readonly<Record<string, number>>
  /** Writes what is left. */
  close(): Promise<void>
}

interface JournalOptions {
  readonly clock: Clock
  readonly log: Log
  readonly append: (rows: readonly Row[]) => Promise<void>
}

const BATCH_ROWS = 100
const BATCH_MS = 250
/** While the database is away rows wait here; beyond this they are counted and dropped. */
const WAITING_ROWS_MAX = 5000
const ERRORS_MAX = 1000
const TEXT_CHARACTERS_MAX = 16 * 1024
/** Of one log: what a template prints without end fills no disk. Errors have room of their own, for they say why. */
const LOG_CHARACTERS_MAX = 16 * 1024 * 1024
const ERROR_CHARACTERS = 256 * 1024
/** Shorter values are words that a log would lose everywhere. */
const SECRET_CHARACTERS_MIN = 6

const asIs = (text: string): string => text

export function createJournal({ clock, log, append }: JournalOptions): Journal {
  const waiting: Row[] = []
  const errors: string[] = []
  let secrets: readonly string[] = []
  const took: Record<string, number> = {}
  let current: { readonly stage: Stage; readonly since: number } = { stage: 'Preparing', since: clock.elapsedMs() }
  let dropped = 0
  const hasRoom = roomOfOneLog()
  let timer: Cancel | null = null
  let writing = Promise.resolve()
  let placed = asIs
  const redacted = (text: string): string => {
    let clean = placed(text)
    for (const secret of secrets) clean = clean.replaceAll(secret, '[redacted]')
    return clean.length > TEXT_CHARACTERS_MAX ? `${clean.slice(0, TEXT_CHARACTERS_MAX)}…` : clean
  }
  const enter = (stage: Stage): void => {
    took[current.stage] = Math.round((took[current.stage] ?? 0) + clock.elapsedMs() - current.since)
    current = { stage, since: clock.elapsedMs() }
  }
  const writeBatch = async (): Promise<void> => {
    const rows = waiting.splice(0, BATCH_ROWS)
    if (rows.length === 0) return
    try {
      await append(rows)
    } catch (error) {
      // Lines of a log are not worth failing a build for.
      dropped += rows.length
      log.warn('lines of a build log were not written', { rows: dropped, error: messageOf(error) })
    }
  }
  const emptied = async (before: Promise<void>): Promise<void> => {
    await before
    while (waiting.length > 0) await writeBatch()
  }
  const flush = (): Promise<void> => {
    timer?.()
    timer = null
    writing = emptied(writing)
    return writing
  }

  return {
    redacted,
    speakOf: (places) => void (placed = places),
    tells: (text) => secrets.some((secret) => text.includes(secret)),
    hasSaid: (error) => errors.join('\n').includes(error),
    stage: enter,
    write(level, text) {
      const clean = redacted(text)
      if (waiting.length >= WAITING_ROWS_MAX || !hasRoom(level, clean)) return void (dropped += 1)
      if (level === 'error' && errors.length < ERRORS_MAX) errors.push(clean)
      waiting.push({ at: clock.now(), stage: current.stage, level, text: clean })
      if (waiting.length >= BATCH_ROWS) void flush()
      else timer ??= clock.after(BATCH_MS, () => void flush())
    },
    conceal(secret) {
      secrets = [...new Set([...secrets, ...piecesOf(secret)])].toSorted((a, b) => b.length - a.length)
    },
    stages() {
      enter(current.stage)
      return { ...took }
    },
    async close() {
      if (dropped > 0)
        waiting.push({ at: clock.now(), stage: current.stage, level: 'warn', text: `${dropped} lines of this log are missing` })
      await flush()
    },
  }
}

/** Programs print a key of several lines line by line. The longest is looked for first, or what it has beyond another would stay. */
const piecesOf = (secret: string): string[] =>
  [secret, ...secret.split(/\r?\n/)].filter((piece) => piece.trim().length >= SECRET_CHARACTERS_MIN && !FRAME.test(piece.trim()))

/** Says that there is a key, and nothing of it. */
const FRAME = /^-----(BEGIN|END) [A-Z0-9 ]+-----$/

function roomOfOneLog(): (level: LogRow['level'], text: string) => boolean {
  let written = 0
  return (level, text) => {
    written += text.length
    return written <= LOG_CHARACTERS_MAX + (level === 'error' ? ERROR_CHARACTERS : 0)
  }
}
