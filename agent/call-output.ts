import { createOutputRing } from './output-ring.ts'
import { FRAME, jsonFrame, offsetFrame, type ExecExit, type ExecStart } from './protocol.ts'
import type { Ended, Running } from './spawn.ts'

/** Where a call's frames go: one h2 stream. */
export interface Reader {
  /** false: it is slow; `drained` of the call says when it goes on. */
  send(frame: Buffer): boolean
  /** The call has nothing more to say to this reader. */
  end(): void
}

/** What a command says, kept until its reader has taken it. */
export interface CallOutput {
  readonly reader: Reader | null
  /** A new reader takes over from the one before, behind the frames of `greeting`. False: output from `offset` on is gone. */
  attach(next: Reader, offset: number, greeting: readonly Buffer[]): boolean
  detach(): void
  acknowledge(offset: number): void
  /** The command ended: said when all its output is sent. */
  end(): void
  drained(): void
}

/** A full ring holds the command back, as a full pipe would; or loses the oldest, where the caller asked for that. */
export function createCallOutput(running: Running, whenFull: ExecStart['whenFull'], exit: () => Ended | null): CallOutput {
  const ring = createOutputRing()
  let reader: Reader | null = null
  let sent = 0
  let held = false
  let exitSent = false
  /** The reader is slow, and will say when it goes on. */
  let blocked = false

  const sayExit = (to: Reader) => {
    const how = exit()
    if (!how || exitSent) return
    exitSent = true
    const said: ExecExit = { code: how.code, signal: how.signal }
    to.send(jsonFrame(FRAME.exit, said))
  }
  const pump = () => {
    const to = reader
    if (!to || blocked) return
    for (let part = ring.at(sent); part; part = ring.at(sent)) {
      sent = part.offset + part.data.length
      if (!to.send(offsetFrame(part.kind === 'stdout' ? FRAME.stdout : FRAME.stderr, part.offset, part.data))) {
        blocked = true
        return
      }
    }
    sayExit(to)
  }
  const holdWhileFull = () => {
    if (ring.full && whenFull === 'drop') return ring.dropToFit()
    const full = ring.full && !exit()
    if (full !== held) (full ? running.pause : running.resume)()
    held = full
  }

  running.onOutput((kind, data) => {
    ring.push(kind, data)
    holdWhileFull()
    pump()
  })

  return {
    end: pump,
    drained() {
      blocked = false
      pump()
    },
    get reader() {
      return reader
    },
    attach(next, offset, greeting) {
      if (offset > ring.end || (offset < ring.start && whenFull === 'hold')) return false
      reader?.end()
      reader = next
      sent = Math.max(offset, ring.start)
      exitSent = false
      blocked = false
      ring.release(offset)
      for (const frame of greeting) next.send(frame)
      holdWhileFull()
      pump()
      return true
    },
    detach() {
      reader = null
    },
    acknowledge(offset) {
      ring.release(Math.min(offset, sent))
      holdWhileFull()
    },
  }
}
