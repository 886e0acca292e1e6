import type { Clock, Instant } from '../controller/kernel/clock.ts'
import { createCallOutput, type Reader } from './call-output.ts'
import { FRAME, jsonFrame, offsetFrame, STDIN_WINDOW_BYTES, type CommandSeen, type ExecStart, type ExecStarted } from './protocol.ts'
import type { Ended, Running } from './spawn.ts'

/** A command that was asked for once, and the readers it has had: one at a time, each going on where the one before was. */
export interface Call {
  readonly seen: CommandSeen
  readonly background: boolean
  /** `offset`: output the reader already has. False: what follows is gone. */
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
  readonly aloneSince: Instant | null
}

export function createCall(start: ExecStart, running: Running, lost: string, clock: Clock): Call {
  const startedAt = clock.now()
  const started: ExecStarted = { pid: running.pid, lost }
  let aloneSince: Instant | null = clock.now()
  let exit: Ended | null = null
  const output = createCallOutput(running, start.whenFull, () => exit)
  const stdin = { received: 0, given: 0, over: false }
  const given = () => offsetFrame(FRAME.stdinAck, stdin.given)
  const noteExit = async () => {
    exit = await running.ended
    output.end()
    return exit
  }

  return {
    get seen() {
      const how = exit && { code: exit.code, signal: exit.signal }
      return { id: start.id, pid: running.pid, argv: start.argv, startedAt, exit: how, attached: output.reader !== null }
    },
    get exited() {
      return exit !== null
    },
    get aloneSince() {
      return aloneSince
    },
    ended: noteExit(),
    background: start.background,
    attach(next, offset) {
      const attached = output.attach(next, offset, [jsonFrame(FRAME.started, started), given()])
      if (attached) aloneSince = null
      return attached
    },
    detach(gone) {
      if (output.reader !== gone) return
      output.detach()
      aloneSince = clock.now()
    },
    drained(who) {
      if (output.reader === who) output.drained()
    },
    acknowledge: (offset) => output.acknowledge(offset),
    input(offset, data) {
      const fresh = data.subarray(Math.max(0, stdin.received - offset))
      if (offset > stdin.received || stdin.received - stdin.given + fresh.length > STDIN_WINDOW_BYTES) return false
      stdin.received += fresh.length
      const note = () => {
        stdin.given += fresh.length
        output.reader?.send(given())
      }
      if (fresh.length > 0) void running.write(fresh).then(note)
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
