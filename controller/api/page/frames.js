/** The frames of a terminal's stream: [type u8][length u32be][payload]. The types are those of agent/protocol/frames.ts. */
export const FRAME = { start: 1, stdin: 2, resize: 4, signal: 5, done: 7, started: 16, stdout: 17, stdinAck: 19, exit: 20, refused: 21 }

const HEAD_BYTES = 5
const OFFSET_BYTES = 8
const FRAME_BYTES_MAX = 256 * 1024

export function frame(type, payload = new Uint8Array()) {
  const bytes = new Uint8Array(HEAD_BYTES + payload.length)
  bytes[0] = type
  new DataView(bytes.buffer).setUint32(1, payload.length)
  bytes.set(payload, HEAD_BYTES)
  return bytes
}

export const jsonFrame = (type, value) => frame(type, new TextEncoder().encode(JSON.stringify(value)))

export function offsetFrame(type, offset, data) {
  const payload = new Uint8Array(OFFSET_BYTES + data.length)
  new DataView(payload.buffer).setBigUint64(0, BigInt(offset))
  payload.set(data, OFFSET_BYTES)
  return frame(type, payload)
}

export function resizeFrame({ cols, rows }) {
  const payload = new Uint8Array(4)
  const view = new DataView(payload.buffer)
  view.setUint16(0, cols)
  view.setUint16(2, rows)
  return frame(FRAME.resize, payload)
}

const viewOf = (bytes) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

export const offsetIn = (payload) => Number(viewOf(payload).getBigUint64(0))
export const dataIn = (payload) => payload.subarray(OFFSET_BYTES)
export const jsonIn = (payload) => JSON.parse(new TextDecoder().decode(payload))

/** Feed it what arrives; it calls `onFrame` for each whole frame. */
export function frameReader(onFrame) {
  let rest = new Uint8Array()
  return (chunk) => {
    const bytes = new Uint8Array(rest.length + chunk.length)
    bytes.set(rest)
    bytes.set(chunk, rest.length)
    rest = bytes
    while (rest.length >= HEAD_BYTES) {
      const length = viewOf(rest).getUint32(1)
      if (length > FRAME_BYTES_MAX) throw new Error('a frame is too long')
      if (rest.length < HEAD_BYTES + length) return
      const [type, payload] = [rest[0], rest.subarray(HEAD_BYTES, HEAD_BYTES + length)]
      rest = rest.subarray(HEAD_BYTES + length)
      onFrame(type, payload)
    }
  }
}
