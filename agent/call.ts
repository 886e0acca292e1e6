import type { Clock } from '../controller/kernel/clock.ts'
import { createOutputRing } from './output-ring.ts'
import { FRAME, jsonFrame, offsetFrame, STDIN_WINDOW_BYTES, type CommandSeen, type ExecStart, type ExecStarted } from './protocol.ts'
import type { Ended, Running } from './spawn.ts'

/** Where a call's frames go: one h2 stream. `send` answers false when the reader is slow; `onDrain` says when it goes on. */
export interface Reader {
  send(frame: Buffer): boolean
  /** The call has nothing more to say to this reader. */
  end(): void
}

/** A command that was asked for once, and the readers it has had. */
export interface Call {
  readonly seen: CommandSeen
  readonly background: boolean
  /** A new reader takes over from the one before. `offset`: output it already has. False: that output is gone. */
  attach(reader: Reader, offset: number): boolean
  detach(reader: Reader): void
  drained(reader: Reader): void
  acknowledge(offset: number): void
  /** False: more than was allowed, or a gap. */
  input(offset: number, data: Buffer): boolean
  endInput(): void
  resize(cols: number, rows: number): void
  signal(name: NodeJS.Signals): void
  readonly ended: Promise<Ended>
  readonly exited: boolean
  /** When its last reader left; null while one is there. */
  readonly aloneSince: number | null
}

/**
 * Output waits in a ring until the reader acknowledged it, so a reader that lost its stream goes on where it was. A full
 * ring holds the command back, as a full pipe would; or loses the oldest, where the caller asked for that.
 */
export function createCall(start: ExecStart, running: Running, lost: string, clock: Clock): Call {
  const ring = createOutputRing()
  const startedAt = clock.now()
  const started: ExecStarted = { pid: running.pid, lost }
  let reader: Reader | null = null
  let sent = 0
  let aloneSince: number | null = clock.now()
  let exit: Ended | null = null
  let held = false
  let exitSent = false
  const stdin = { received: 0, given: 0, over: false }

  const pump = () => {
    while (reader) {
      const part = ring.at(sent)
      if (!part) return finish()
      sent = part.offset + part.data.length
      if (!reader.send(offsetFrame(part.kind === 'stdout' ? FRAME.stdout : FRAME.stderr, part.offset, part.data))) return
    }
  }
  const finish = () => {
    if (!reader || !exit || exitSent) return
    exitSent = true
    reader.send(jsonFrame(FRAME.exit, { code: exit.code, signal: exit.signal }))
  }
  const hold = () => {
    if (ring.full && !exit) {
      if (start.whenFull === 'drop') return ring.dropToFit()
      if (!held) running.pause()
      held = true
    } else if (held) {
      held = false
      running.resume()
    }
  }
  const sayInput = () => reader?.send(offsetFrame(FRAME.stdinAck, stdin.given))

  running.onOutput((kind, data) => {
    ring.push(kind, data)
    hold()
    pump()
  })
  const ended = running.ended.then((how) => {
    exit = how
    pump()
    return how
  })

  return {
    get seen() {
      const how = exit && { code: exit.code, signal: exit.signal }
      return { id: start.id, pid: running.pid, argv: start.argv, startedAt, exit: how, attached: reader !== null }
    },
    get exited() {
      return exit !== null
    },
    get aloneSince() {
      return aloneSince
    },
    ended,
    background: start.background,
    attach(next, offset) {
      if (offset > ring.end || (offset < ring.start && start.whenFull === 'hold')) return false
      reader?.end()
      reader = next
      aloneSince = null
      sent = Math.max(offset, ring.start)
      exitSent = false
      ring.release(offset)
      next.send(jsonFrame(FRAME.started, started))
      sayInput()
      hold()
      pump()
      return true
    },
    detach(gone) {
      if (reader !== gone) return
      reader = null
      aloneSince = clock.now()
    },
    drained(who) {
      if (reader === who) pump()
    },
    acknowledge(offset) {
      ring.release(Math.min(offset, sent))
      hold()
    },
    input(offset, data) {
      const fresh = data.subarray(Math.max(0, stdin.received - offset))
      if (offset > stdin.received || stdin.received - stdin.given + fresh.length > STDIN_WINDOW_BYTES * 2) return false
      if (fresh.length === 0) return true
      stdin.received += fresh.length
      void running.write(fresh).then(() => {
        stdin.given += fresh.length
        sayInput()
      })
      return true
    },
    endInput() {
      if (stdin.over) return
      stdin.over = true
      running.endInput()
    },
    resize: (cols, rows) => running.resize(cols, rows),
    signal: (name) => {
      if (!exit) running.signal(name)
    },
  }
}
