import { DATA_BYTES_MAX, RING_BYTES } from './protocol.ts'

export type OutputKind = 'stdout' | 'stderr'

export interface OutputPart {
  readonly kind: OutputKind
  /** Of its first byte, counted over stdout and stderr together. */
  readonly offset: number
  readonly data: Buffer
}

/** Output that its reader has not taken yet, in the order it was written. */
export interface OutputRing {
  push(kind: OutputKind, data: Buffer): void
  /** The part that holds the byte at `offset`, cut to begin there; null when there is none yet. */
  at(offset: number): OutputPart | null
  /** Everything before `offset` has been taken. */
  release(offset: number): void
  /** Makes room by losing the oldest. */
  dropToFit(): void
  readonly start: number
  readonly end: number
  readonly full: boolean
}

/** Single bytes of stdout and stderr in turn would otherwise make a list far larger than what it holds. */
const PARTS_MAX = 8192

export function createOutputRing(bytesMax: number = RING_BYTES): OutputRing {
  const parts: OutputPart[] = []
  let start = 0
  let end = 0

  const dropFirst = () => {
    const first = parts.shift()
    if (first) start = first.offset + first.data.length
  }

  return {
    push(kind, data) {
      for (let from = 0; from < data.length; from += DATA_BYTES_MAX) {
        const piece = data.subarray(from, from + DATA_BYTES_MAX)
        const last = parts.at(-1)
        // Many tiny writes would each cost an entry: they are joined while they are small.
        if (last && last.kind === kind && last.data.length + piece.length <= 4096) {
          parts[parts.length - 1] = { ...last, data: Buffer.concat([last.data, piece]) }
        } else parts.push({ kind, offset: end, data: piece })
        end += piece.length
      }
    },
    at(offset) {
      let [low, high] = [0, parts.length]
      while (low < high) {
        const middle = (low + high) >> 1
        const each = parts[middle]
        if (each && each.offset + each.data.length <= offset) low = middle + 1
        else high = middle
      }
      const part = parts[low]
      if (!part) return null
      const skip = Math.max(0, offset - part.offset)
      return { kind: part.kind, offset: part.offset + skip, data: part.data.subarray(skip) }
    },
    release(offset) {
      while (parts[0] && parts[0].offset + parts[0].data.length <= offset) dropFirst()
      start = Math.max(start, Math.min(offset, end))
    },
    dropToFit() {
      const tooMuch = () => end - start > bytesMax || parts.length > PARTS_MAX
      while (parts.length > 1 && tooMuch()) dropFirst()
    },
    get start() {
      return start
    },
    get end() {
      return end
    },
    get full() {
      return end - start >= bytesMax || parts.length >= PARTS_MAX
    },
  }
}
