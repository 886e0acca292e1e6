import { createOutputRing } from './output-ring.ts'
import { SCROLLBACK_BYTES } from './protocol.ts'

/** What a terminal said last, to be shown again to whoever comes later. */
export interface Scrollback {
  push(data: Buffer): void
  at(offset: number): { readonly offset: number; readonly data: Buffer } | null
  /** Where a replay begins: never within a line whose beginning is gone, since that may be within an escape sequence. */
  readonly replayFrom: number
  /** What brings a fresh screen into the state that the part which is gone had made. */
  readonly preamble: string
  readonly start: number
  readonly end: number
}

const LINE_SEARCH_BYTES = 16 * 1024
const NEWLINE = 10
/** Full-screen programs switch to a screen of their own and back. */
// oxlint-disable-next-line no-control-regex -- an escape sequence begins with one
const SCREEN_SWITCH = /\u001b\[\?(?:1049|1047|47)(?<to>[hl])/g
const SWITCH_LENGTH = 8

export function createScrollback(bytesMax = SCROLLBACK_BYTES): Scrollback {
  const ring = createOutputRing(bytesMax)
  let tail = ''
  let otherScreen = false

  const watchScreen = (data: Buffer) => {
    const text = tail + data.toString('latin1')
    for (const { groups } of text.matchAll(SCREEN_SWITCH)) otherScreen = groups?.['to'] === 'h'
    tail = text.slice(-(SWITCH_LENGTH - 1))
  }
  const lineAfter = (from: number): number => {
    for (let offset = from; offset < Math.min(ring.end, from + LINE_SEARCH_BYTES);) {
      const part = ring.at(offset)
      if (!part) break
      const newline = part.data.indexOf(NEWLINE)
      if (newline !== -1) return part.offset + newline + 1
      offset = part.offset + part.data.length
    }
    return from
  }

  return {
    push(data) {
      watchScreen(data)
      ring.push('stdout', data)
      if (ring.full) ring.dropToFit()
    },
    at: ring.at,
    get replayFrom() {
      return ring.start === 0 ? 0 : lineAfter(ring.start)
    },
    get preamble() {
      return ring.start > 0 && otherScreen ? '\u001b[?1049h' : ''
    },
    get start() {
      return ring.start
    },
    get end() {
      return ring.end
    },
  }
}
