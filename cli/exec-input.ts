import { DATA_BYTES_MAX, FRAME, frame, offsetFrame, STDIN_WINDOW_BYTES } from '../agent/protocol.ts'

/** stdin on its way to the command: kept until the command was given it, never more than a window ahead of it. */
export interface ExecInput {
  add(data: Buffer): void
  end(): void
  /** The command was given everything before `offset`. */
  taken(offset: number): void
  /** A new connection: whatever was on its way goes again. */
  again(): void
}

export interface InputEnds {
  /** false: there is no connection now. */
  readonly send: (frame: Buffer) => boolean
  readonly holdInput: (on: boolean) => void
}

export function createExecInput({ send, holdInput }: InputEnds): ExecInput {
  const waiting: { readonly offset: number; readonly data: Buffer }[] = []
  const bytes = { end: 0, sent: 0, taken: 0 }
  let over: 'no' | 'yes' | 'said' = 'no'
  let held = false

  const sendMore = () => {
    for (const { offset, data } of waiting) {
      const end = offset + data.length
      if (end <= bytes.sent) continue
      if (end > bytes.taken + STDIN_WINDOW_BYTES || !send(offsetFrame(FRAME.stdin, offset, data))) break
      bytes.sent = end
    }
    if (over === 'yes' && bytes.sent === bytes.end && send(frame(FRAME.eof))) over = 'said'
    const full = bytes.end - bytes.taken >= STDIN_WINDOW_BYTES
    if (full !== held) holdInput(full)
    held = full
  }

  return {
    add(data) {
      for (let from = 0; from < data.length; from += DATA_BYTES_MAX) {
        const piece = data.subarray(from, from + DATA_BYTES_MAX)
        waiting.push({ offset: bytes.end, data: piece })
        bytes.end += piece.length
      }
      sendMore()
    },
    end() {
      over = 'yes'
      sendMore()
    },
    taken(offset) {
      bytes.taken = Math.max(bytes.taken, offset)
      while (waiting[0] && waiting[0].offset + waiting[0].data.length <= bytes.taken) waiting.shift()
      sendMore()
    },
    again() {
      bytes.sent = bytes.taken
      if (over === 'said') over = 'yes'
      sendMore()
    },
  }
}
