/**
 * How a stream of exec says more than bytes. A frame is [type u8][length u32be][payload]. Bytes of the command carry their
 * offset, counted from 0 over stdout and stderr together (and from 0 for stdin), and are kept by their sender until the
 * other side says it has them: so a call goes on over a new stream, and nothing is lost or doubled.
 *
 *   client: start, stdin*, eof?, resize*, signal*, ack*, done        agent: started, stdout*, stderr*, stdinAck*, exit | refused
 */
export const FRAME = {
  /** `ExecStart`. The first frame on every stream. */
  start: 1,
  /** [offset u64][bytes]. */
  stdin: 2,
  /** No more stdin. */
  eof: 3,
  /** [cols u16][rows u16]. */
  resize: 4,
  /** A name, SIGINT. */
  signal: 5,
  /** [offset u64]: everything before it has been taken. */
  ack: 6,
  /** The exit was read: the call can be forgotten. */
  done: 7,
  /** `ExecStarted`. */
  started: 16,
  /** [offset u64][bytes]. */
  stdout: 17,
  /** [offset u64][bytes]. */
  stderr: 18,
  /** [offset u64]: stdin before it was given to the command. */
  stdinAck: 19,
  /** `ExecExit`; after all output. */
  exit: 20,
  /** `ExecRefused`; nothing follows. */
  refused: 21,
} as const

export interface PtySize {
  readonly cols: number
  readonly rows: number
}

export const FRAME_BYTES_MAX = 256 * 1024

const HEAD_BYTES = 5
const OFFSET_BYTES = 8

export function frame(type: number, payload: Uint8Array | string = ''): Buffer {
  const body = typeof payload === 'string' ? Buffer.from(payload) : payload
  const bytes = Buffer.allocUnsafe(HEAD_BYTES + body.length)
  bytes.writeUInt8(type, 0)
  bytes.writeUInt32BE(body.length, 1)
  bytes.set(body, HEAD_BYTES)
  return bytes
}

export const jsonFrame = (type: number, value: unknown): Buffer => frame(type, JSON.stringify(value))

export function offsetFrame(type: number, offset: number, data: Uint8Array = new Uint8Array()): Buffer {
  const bytes = Buffer.allocUnsafe(HEAD_BYTES + OFFSET_BYTES + data.length)
  bytes.writeUInt8(type, 0)
  bytes.writeUInt32BE(OFFSET_BYTES + data.length, 1)
  bytes.writeBigUInt64BE(BigInt(offset), HEAD_BYTES)
  bytes.set(data, HEAD_BYTES + OFFSET_BYTES)
  return bytes
}

/** Throws where the payload is too short for an offset. */
export function offsetAndData(payload: Buffer): { readonly offset: number; readonly data: Buffer } {
  return { offset: Number(payload.readBigUInt64BE(0)), data: payload.subarray(OFFSET_BYTES) }
}

export function resizeFrame({ cols, rows }: PtySize): Buffer {
  const payload = Buffer.alloc(4)
  payload.writeUInt16BE(cols, 0)
  payload.writeUInt16BE(rows, 2)
  return frame(FRAME.resize, payload)
}

export const sizeOf = (payload: Buffer): PtySize => ({ cols: payload.readUInt16BE(0), rows: payload.readUInt16BE(2) })

/** Feed it what arrives; it calls `onFrame` for each whole frame, and throws on a frame that is too long. */
export function frameReader(onFrame: (type: number, payload: Buffer) => void): (chunk: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0)
  return (chunk) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    while (rest.length >= HEAD_BYTES) {
      const length = rest.readUInt32BE(1)
      if (length > FRAME_BYTES_MAX) throw new Error(`a frame of ${length} bytes is longer than ${FRAME_BYTES_MAX}`)
      const end = HEAD_BYTES + length
      if (rest.length < end) return
      const [type, payload] = [rest.readUInt8(0), rest.subarray(HEAD_BYTES, end)]
      rest = rest.subarray(end)
      onFrame(type, payload)
    }
  }
}
