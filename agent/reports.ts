import { LOG_LINE_LENGTH_MAX, SOURCE_LENGTH_MAX, type AppHealth, type Lifecycle, type Report, type StatsNow, type Use } from './protocol.ts'
import { joined } from './uses.ts'

type Body<T> = T extends unknown ? Omit<T, 'seq' | 'at'> : never
export type NewReport = Body<Report>

/** What the control plane has not said it has. Sent again on every new link: at least once, in order. */
export interface Reports {
  lifecycle(lifecycle: Lifecycle, message: string): void
  log(source: string, level: 'info' | 'warn' | 'error', text: string): void
  /** One waits at most: a newer one says what the one before would have said. */
  stats(uses: readonly Use[], now?: StatsNow): void
  /** Of each key, and of each app, one waits at most. */
  metadata(key: string, value: string, error: string): void
  app(slug: string, health: AppHealth): void
  acknowledge(seq: number): void
  /** Those after `seq`, oldest first. */
  after(seq: number): readonly Report[]
  /** Called whenever there is something new. */
  onChange(listener: () => void): () => void
  readonly empty: boolean
}

const LOG_LENGTH_MAX = 512 * 1024
/** What an entry costs beyond its text, so that empty lines count too. */
const ENTRY_LENGTH = 64

const sizeOf = (report: Report) => (report.kind === 'log' ? report.text.length + report.source.length + ENTRY_LENGTH : 0)

/** A log that cannot be sent must not grow: what does not fit is counted and said. Lifecycles are few and always kept. */
export function createReports(now: () => number): Reports {
  let waiting: Report[] = []
  let seq = 0
  let logLength = 0
  let dropped = 0
  const listeners = new Set<() => void>()

  const add = (report: NewReport) => {
    seq += 1
    waiting.push({ ...report, seq, at: now() })
    for (const listener of listeners) listener()
  }

  const log: Reports['log'] = (name, level, text) => {
    const source = name.slice(0, SOURCE_LENGTH_MAX)
    const line = text.length > LOG_LINE_LENGTH_MAX ? `${text.slice(0, LOG_LINE_LENGTH_MAX)}…` : text
    if (logLength + line.length > LOG_LENGTH_MAX) {
      dropped += 1
      return
    }
    if (dropped > 0) {
      const lost = dropped
      dropped = 0
      log(source, 'warn', `${lost} lines were not kept: the control plane did not take them in time`)
    }
    logLength += line.length + source.length + ENTRY_LENGTH
    add({ kind: 'log', source, level, text: line })
  }

  return {
    lifecycle: (lifecycle, message) => add({ kind: 'lifecycle', lifecycle, message }),
    log,
    stats(uses, seen) {
      const before = waiting.flatMap((report) => (report.kind === 'stats' ? report.uses : []))
      waiting = waiting.filter(({ kind }) => kind !== 'stats')
      add({ kind: 'stats', uses: joined([...before, ...uses]), ...(seen ? { now: seen } : {}) })
    },
    metadata(key, value, error) {
      waiting = waiting.filter((report) => report.kind !== 'metadata' || report.key !== key)
      add({ kind: 'metadata', key, value, error })
    },
    app(slug, health) {
      waiting = waiting.filter((report) => report.kind !== 'app' || report.slug !== slug)
      add({ kind: 'app', slug, health })
    },
    acknowledge(upTo) {
      const keep = waiting.findIndex((report) => report.seq > upTo)
      const gone = keep === -1 ? waiting : waiting.slice(0, keep)
      logLength -= gone.reduce((sum, report) => sum + sizeOf(report), 0)
      waiting = keep === -1 ? [] : waiting.slice(keep)
      for (const listener of listeners) listener()
    },
    after: (from) => waiting.filter((report) => report.seq > from),
    onChange(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    get empty() {
      return waiting.length === 0
    },
  }
}
