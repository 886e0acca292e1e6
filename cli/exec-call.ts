import {
  ACK_EVERY_BYTES,
  DATA_BYTES_MAX,
  FRAME,
  frame,
  frameReader,
  jsonFrame,
  offsetAndData,
  offsetFrame,
  resizeFrame,
  STDIN_WINDOW_BYTES,
  type ExecStart,
  type PtySize,
} from '../agent/protocol.ts'
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
  /** The command is known to have started. */
  readonly started: boolean
}

type Asked = Omit<ExecStart, 'resume' | 'offset' | 'tty'> & { readonly tty: PtySize | null }

export function createExecCall(asked: Asked, ends: CallEnds): ExecCall {
  const { promise: code, resolve: finish } = Promise.withResolvers<number>()
  let wire: Wire | null = null
  let started = false
  let size = asked.tty
  const output = { received: 0, written: 0, acknowledged: 0 }
  /** What the command was not yet given, of which `input.sent` says how much is on its way. */
  const waiting: { offset: number; data: Buffer }[] = []
  const input = { end: 0, taken: 0, sent: 0, over: false, overSent: false, held: false }

  const send = (bytes: Buffer) => wire?.send(bytes)
  const acknowledge = () => {
    if (output.written - output.acknowledged < ACK_EVERY_BYTES) return
    output.acknowledged = output.written
    send(offsetFrame(FRAME.ack, output.written))
  }
  const write = (to: NodeJS.WritableStream, offset: number, data: Buffer) => {
    if (offset > output.received) throw new Error('output is missing')
    const fresh = data.subarray(output.received - offset)
    if (fresh.length === 0) return
    output.received += fresh.length
    const from = wire
    const more = to.write(fresh, () => {
      output.written += fresh.length
      acknowledge()
    })
    if (more) return
    from?.hold(true)
    to.once('drain', () => from?.hold(false))
  }
  const sendInput = () => {
    for (const { offset, data } of waiting) {
      if (!wire || offset + data.length > input.taken + STDIN_WINDOW_BYTES) break
      if (offset + data.length <= input.sent) continue
      send(offsetFrame(FRAME.stdin, offset, data))
      input.sent = offset + data.length
    }
    if (wire && input.over && !input.overSent && input.sent === input.end) {
      input.overSent = true
      send(frame(FRAME.eof))
    }
    const full = input.end - input.taken >= STDIN_WINDOW_BYTES
    if (full !== input.held) ends.holdInput(full)
    input.held = full
  }
  const taken = (offset: number) => {
    input.taken = Math.max(input.taken, offset)
    while (waiting[0] && waiting[0].offset + waiting[0].data.length <= input.taken) waiting.shift()
    sendInput()
  }
  const flushed = async () => {
    for (const stream of Object.values(ends.output)) await new Promise<void>((done) => stream.write('', () => done()))
  }
  const end = (exitCode: number) => {
    void flushed().then(() => {
      send(frame(FRAME.done))
      finish(exitCode)
    })
  }

  const take = (type: number, payload: Buffer) => {
    if (type === FRAME.stdout || type === FRAME.stderr) {
      const { offset, data } = offsetAndData(payload)
      return write(ends.output[type === FRAME.stdout ? 'stdout' : 'stderr'], offset, data)
    }
    if (type === FRAME.stdinAck) return taken(offsetAndData(payload).offset)
    if (type !== FRAME.started && type !== FRAME.exit && type !== FRAME.refused) return
    const said: unknown = JSON.parse(payload.toString())
    if (type === FRAME.started) {
      const lost = textOf(field(said, 'lost'))
      if (lost && !started) ends.say(lost)
      started = true
      return
    }
    if (type === FRAME.refused) ends.say(textOf(field(said, 'message')) ?? 'the agent refused the command')
    const exitCode = field(said, 'code')
    end(typeof exitCode === 'number' ? exitCode : 1)
  }

  return {
    code,
    get started() {
      return started
    },
    attach(next) {
      wire = next
      send(jsonFrame(FRAME.start, { ...asked, tty: size, resume: started, offset: output.received }))
      input.sent = input.taken
      input.overSent = false
      sendInput()
      if (size && started) send(resizeFrame(size))
      return frameReader(take)
    },
    detach() {
      wire = null
    },
    input(data) {
      for (let from = 0; from < data.length; from += DATA_BYTES_MAX) {
        const piece = data.subarray(from, from + DATA_BYTES_MAX)
        waiting.push({ offset: input.end, data: piece })
        input.end += piece.length
      }
      sendInput()
    },
    endInput() {
      input.over = true
      sendInput()
    },
    resize(next) {
      size = next
      send(resizeFrame(next))
    },
    signal: (name) => void send(frame(FRAME.signal, name)),
  }
}
