import {
  ACK_EVERY_BYTES,
  FRAME,
  frame,
  frameReader,
  jsonFrame,
  offsetAndData,
  offsetFrame,
  resizeFrame,
  type ExecStart,
  type PtySize,
} from '../agent/protocol.ts'
import { plain } from '../controller/kernel/plain.ts'
import { createExecInput } from './exec-input.ts'
import { field, textOf } from './json.ts'

/** What a call reads from and writes to on this side. */
export interface CallEnds {
  readonly output: Readonly<Record<'stdout' | 'stderr', NodeJS.WritableStream>>
  /** stdin is held back while more than the window waits for the command. */
  holdInput(on: boolean): void
  /** Something the person should read once. */
  say(line: string): void
}

/** One connection a call goes over, and later another. */
export interface Wire {
  send(frame: Buffer): void
  /** Nothing more is read from it for now. */
  hold(on: boolean): void
}

/**
 * A command that runs in a workspace, followed over any number of connections. Each side keeps what it sent until the
 * other has it; so nothing is lost or doubled however often the connection is.
 */
export interface ExecCall {
  /** Begins, or goes on, over this connection. Feed what arrives to the answer; it throws when that makes no sense. */
  attach(wire: Wire): (chunk: Buffer) => void
  detach(): void
  input(data: Buffer): void
  endInput(): void
  resize(size: PtySize): void
  signal(name: string): void
  /** Resolves with the exit code, when every byte of output has been written. */
  readonly code: Promise<number>
}

type Asked = Omit<ExecStart, 'resume' | 'offset' | 'tty'> & { readonly tty: PtySize | null }

export function createExecCall(asked: Asked, ends: CallEnds): ExecCall {
  const { promise: code, resolve: finish } = Promise.withResolvers<number>()
  let wire: Wire | null = null
  let started = false
  let size = asked.tty
  const output = { received: 0, written: 0, acknowledged: 0 }
  const send = (bytes: Buffer): boolean => {
    wire?.send(bytes)
    return wire !== null
  }
  const input = createExecInput({ send, holdInput: ends.holdInput })

  const wrote = (bytes: number) => {
    output.written += bytes
    if (output.written - output.acknowledged >= ACK_EVERY_BYTES && send(offsetFrame(FRAME.ack, output.written)))
      output.acknowledged = output.written
  }
  const write = (to: NodeJS.WritableStream, offset: number, data: Buffer) => {
    if (offset > output.received) throw new Error('output is missing')
    const fresh = data.subarray(output.received - offset)
    if (fresh.length === 0) return
    output.received += fresh.length
    const from = wire
    if (to.write(fresh, () => wrote(fresh.length))) return
    from?.hold(true)
    to.once('drain', () => from?.hold(false))
  }
  const end = async (exitCode: number) => {
    for (const stream of Object.values(ends.output)) await new Promise<void>((done) => stream.write('', () => done()))
    send(frame(FRAME.done))
    finish(exitCode)
  }
  const takeWord = (type: number, said: unknown) => {
    if (type === FRAME.started) {
      const lost = textOf(field(said, 'lost'))
      if (lost && !started) ends.say(plain(lost))
      started = true
      return
    }
    if (type === FRAME.refused) ends.say(plain(textOf(field(said, 'message')) ?? 'the agent refused the command'))
    const exitCode = field(said, 'code')
    void end(typeof exitCode === 'number' ? exitCode : 1)
  }
  const take = (type: number, payload: Buffer) => {
    if (type === FRAME.stdinAck) return input.taken(offsetAndData(payload).offset)
    if (type === FRAME.started || type === FRAME.exit || type === FRAME.refused) return takeWord(type, JSON.parse(payload.toString()))
    if (type !== FRAME.stdout && type !== FRAME.stderr) return
    const { offset, data } = offsetAndData(payload)
    write(ends.output[type === FRAME.stdout ? 'stdout' : 'stderr'], offset, data)
  }

  return {
    code,
    attach(next) {
      wire = next
      send(jsonFrame(FRAME.start, { ...asked, tty: size, resume: started, offset: output.received }))
      input.again()
      if (size && started) send(resizeFrame(size))
      return frameReader(take)
    },
    detach() {
      wire = null
    },
    input: input.add,
    endInput: input.end,
    resize(next) {
      size = next
      send(resizeFrame(next))
    },
    signal: (name) => void send(frame(FRAME.signal, name)),
  }
}
