import type { Clock, Instant } from '../controller/kernel/clock.ts'
import { createCallOutput, type Reader } from './call-output.ts'
import { FRAME, jsonFrame, offsetFrame, STDIN_WINDOW_BYTES, type CommandSeen, type ExecStart, type ExecStarted } from './protocol.ts'
import type { Ended, Running } from './spawn.ts'

/** A command that was asked for once, and the readers it has had: one at a time, each going on where the one before was. */
export interface Call {
  readonly seen: CommandSeen
  readonly background: boolean
  /** `offset`: output the reader already has. False: what follows is gone. */
  attach(reader: Reader, offset: number, by: string): boolean
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
  readonly terminal: boolean
  readonly startedAt: Instant
  /** Who asked for it, or came back to it last. */
  readonly by: string
  /** When something was typed last. */
  readonly typedAt: Instant | null
  /** When its last reader left; null while one is there. */
  readonly aloneSince: Instant | null
}

export function createCall(start: ExecStart, running: Running, lost: string, clock: Clock): Call {
  const startedAt = clock.now()
  const started: ExecStarted = { pid: running.pid, lost }
  let aloneSince: Instant | null = clock.now()
  let by = ''
  let exit: Ended | null = null
  const output = createCallOutput(running, start.whenFull, () => exit)
  const input = createInput(running, clock, (acknowledged) => output.reader?.send(acknowledged))
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
    get by() {
      return by
    },
    get typedAt() {
      return input.typedAt
    },
    startedAt,
    terminal: start.tty !== null,
    ended: noteExit(),
    background: start.background,
    attach(next, offset, who) {
      const attached = output.attach(next, offset, [jsonFrame(FRAME.started, started), input.given()])
      if (attached) {
        aloneSince = null
        by = who
      }
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
    input: input.take,
    endInput: input.end,
    resize: (cols, rows) => running.resize(cols, rows),
    signal: (name) => {
      if (!exit) running.signal(name)
    },
  }
}

interface Input {
  /** How far the command has been given what was sent. */
  given(): Buffer
  take: Call['input']
  end(): void
  readonly typedAt: Instant | null
}

function createInput(running: Running, clock: Clock, acknowledge: (frame: Buffer) => void): Input {
  const stdin = { received: 0, given: 0, over: false }
  let typedAt: Instant | null = null
  const given = () => offsetFrame(FRAME.stdinAck, stdin.given)
  return {
    given,
    get typedAt() {
      return typedAt
    },
    take(offset, data) {
      const fresh = data.subarray(Math.max(0, stdin.received - offset))
      if (offset > stdin.received || stdin.received - stdin.given + fresh.length > STDIN_WINDOW_BYTES) return false
      stdin.received += fresh.length
      if (fresh.length > 0) typedAt = clock.now()
      const note = () => {
        stdin.given += fresh.length
        acknowledge(given())
      }
      if (fresh.length > 0) void running.write(fresh).then(note)
      return true
    },
    end() {
      if (stdin.over) return
      stdin.over = true
      running.endInput()
    },
  }
}
