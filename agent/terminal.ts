import type { Clock, Instant } from '../controller/kernel/clock.ts'
import type { PtySize, TerminalSeen } from './protocol.ts'
import { createScrollback } from './scrollback.ts'
import type { Ended, Running } from './spawn.ts'
import type { Attended } from './stats.ts'
import { createViewers, type Viewer } from './terminal-viewers.ts'

/** A process in a terminal that is there whether anybody looks or not. */
export interface Terminal extends Attended {
  readonly seen: TerminalSeen
  /** `offset`: output it has; null: none. */
  attach(viewer: Viewer, size: PtySize, offset: number | null): void
  detach(viewer: Viewer): void
  drained(viewer: Viewer): void
  /** Resolves when the process has been given the bytes. */
  type(viewer: Viewer, data: Buffer): Promise<void>
  resize(viewer: Viewer, size: PtySize): void
  signal(name: NodeJS.Signals): void
}

export interface Made {
  readonly id: string
  readonly argv: readonly string[]
  readonly running: Running
  readonly lost: string
  readonly size: PtySize
}

export function createTerminal({ id, argv, running, lost, size: first }: Made, clock: Clock): Terminal {
  const startedAt = clock.now()
  const scrollback = createScrollback()
  let size = first
  let by = ''
  let typedAt: Instant | null = null
  let aloneSince: Instant | null = startedAt
  let exit: Ended | null = null

  const redraw = () => [size.rows + 1, size.rows].forEach((rows) => running.resize(size.cols, rows))
  const viewers = createViewers({ running, lost, scrollback, exit: () => exit, redraw }, clock)
  /** Whoever does something last is followed. */
  const follow = (viewer: Viewer) => {
    const next = viewers.sizeOf(viewer)
    if (!next) return
    by = viewer.by
    if (next.cols !== size.cols || next.rows !== size.rows) running.resize(next.cols, next.rows)
    size = next
  }
  const noteExit = async () => {
    exit = await running.ended
    viewers.pump()
    return exit
  }
  running.onOutput((_kind, data) => {
    scrollback.push(data)
    viewers.pump()
  })

  return {
    terminal: true,
    background: false,
    startedAt,
    ended: noteExit(),
    get seen() {
      return { id, pid: running.pid, argv, startedAt, viewers: viewers.count, size }
    },
    get by() {
      return by
    },
    get typedAt() {
      return typedAt
    },
    get exited() {
      return exit !== null
    },
    get aloneSince() {
      return aloneSince
    },
    attach(viewer, wanted, offset) {
      aloneSince = null
      viewers.add(viewer, wanted, offset)
      follow(viewer)
    },
    detach(viewer) {
      if (viewers.remove(viewer) && viewers.count === 0) aloneSince = clock.now()
    },
    drained: (viewer) => viewers.drained(viewer),
    type(viewer, data) {
      follow(viewer)
      typedAt = clock.now()
      return running.write(data)
    },
    resize(viewer, next) {
      viewers.resized(viewer, next)
      follow(viewer)
    },
    signal: (name) => (exit ? undefined : running.signal(name)),
  }
}
