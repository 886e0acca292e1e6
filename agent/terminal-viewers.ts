import type { Clock } from '../controller/kernel/clock.ts'
import type { Scrollback } from './scrollback.ts'
import { DATA_BYTES_MAX, FRAME, jsonFrame, offsetFrame, type PtySize, type TerminalStarted } from './protocol.ts'
import type { Ended, Running } from './spawn.ts'

/** Somebody who looks at a terminal: one h2 stream. */
export interface Viewer {
  readonly by: string
  /** false: it is slow; `drained` says when it goes on. */
  send(frame: Buffer): boolean
  end(): void
}

/** Brings each viewer what a terminal says, as fast as it reads. */
export interface Viewers {
  /** `offset`: output it has; null: none. */
  add(viewer: Viewer, size: PtySize, offset: number | null): void
  /** false: it is none. */
  remove(viewer: Viewer): boolean
  drained(viewer: Viewer): void
  sizeOf(viewer: Viewer): PtySize | null
  resized(viewer: Viewer, size: PtySize): void
  /** There is more to read, or it has ended. */
  pump(): void
  readonly count: number
}

interface Looking {
  sent: number
  size: PtySize
  /** Since when it takes nothing; null: it does. */
  blockedAt: number | null
}

export interface Shown {
  readonly running: Running
  readonly lost: string
  readonly scrollback: Scrollback
  readonly exit: () => Ended | null
  /** A full-screen program whose drawing is gone is to draw again. */
  readonly redraw: () => void
}

/** A terminal waits for the fastest of its viewers when that has this much to read, but not for ever. */
const AHEAD_BYTES_MAX = 256 * 1024
const WAIT_MS_MAX = 10_000

export function createViewers({ running, lost, scrollback, exit, redraw }: Shown, clock: Clock): Viewers {
  const viewers = new Map<Viewer, Looking>()
  let held = false

  const begin = (viewer: Viewer, looking: Looking, from: number, reset: boolean) => {
    looking.sent = from
    const preamble = reset ? scrollback.preamble : ''
    const started: TerminalStarted = { pid: running.pid, lost, offset: from, reset, preamble }
    viewer.send(jsonFrame(FRAME.started, started))
    if (preamble) redraw()
  }
  const show = (viewer: Viewer, looking: Looking) => {
    if (looking.blockedAt !== null) return
    if (looking.sent < scrollback.start) begin(viewer, looking, scrollback.replayFrom, true)
    for (let part = scrollback.at(looking.sent); part; part = scrollback.at(looking.sent)) {
      const data = part.data.subarray(0, DATA_BYTES_MAX)
      looking.sent = part.offset + data.length
      if (viewer.send(offsetFrame(FRAME.stdout, part.offset, data))) continue
      looking.blockedAt = clock.elapsedMs()
      clock.after(WAIT_MS_MAX, holdWhileNobodyKeepsUp)
      return
    }
    const how = exit()
    if (!how) return
    viewer.send(jsonFrame(FRAME.exit, { code: how.code, signal: how.signal }))
    viewer.end()
  }
  const keepsUp = ({ sent, blockedAt }: Looking): boolean => blockedAt === null || scrollback.end - sent < AHEAD_BYTES_MAX
  const isWaitedFor = ({ blockedAt }: Looking): boolean => blockedAt !== null && clock.elapsedMs() - blockedAt < WAIT_MS_MAX
  const holdWhileNobodyKeepsUp = () => {
    const looking = [...viewers.values()]
    const hold = !exit() && !looking.some(keepsUp) && looking.some(isWaitedFor)
    if (hold !== held) (hold ? running.pause : running.resume)()
    held = hold
  }

  return {
    add(viewer, size, offset) {
      const looking: Looking = { sent: 0, size, blockedAt: null }
      viewers.set(viewer, looking)
      const known = offset !== null && offset >= scrollback.start && offset <= scrollback.end
      begin(viewer, looking, known ? offset : scrollback.replayFrom, !known)
      show(viewer, looking)
    },
    remove(viewer) {
      const there = viewers.delete(viewer)
      holdWhileNobodyKeepsUp()
      return there
    },
    drained(viewer) {
      const looking = viewers.get(viewer)
      if (!looking) return
      looking.blockedAt = null
      show(viewer, looking)
      holdWhileNobodyKeepsUp()
    },
    sizeOf: (viewer) => viewers.get(viewer)?.size ?? null,
    resized(viewer, size) {
      const looking = viewers.get(viewer)
      if (looking) looking.size = size
    },
    pump() {
      for (const [viewer, looking] of viewers) show(viewer, looking)
      holdWhileNobodyKeepsUp()
    },
    get count() {
      return viewers.size
    },
  }
}
