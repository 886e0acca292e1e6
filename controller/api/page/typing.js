import { FRAME, offsetFrame } from './frames.js'

const WINDOW_BYTES = 256 * 1024
const PART_BYTES = 32 * 1024

/** What is typed, on its way: never more than the agent said it can take. Counted anew on each connection. */
export function createTyping(send) {
  let [waiting, sent, acknowledged, open] = [new Uint8Array(), 0, 0, false]
  const pump = () => {
    for (let room = WINDOW_BYTES - (sent - acknowledged); waiting.length > 0 && room > 0; room = WINDOW_BYTES - (sent - acknowledged)) {
      const part = waiting.subarray(0, Math.min(PART_BYTES, room))
      send(offsetFrame(FRAME.stdin, sent, part))
      sent += part.length
      waiting = waiting.subarray(part.length)
    }
  }
  return {
    begin() {
      ;[waiting, sent, acknowledged, open] = [new Uint8Array(), 0, 0, true]
    },
    end() {
      open = false
    },
    /** Typed while nobody listens it is lost: it must not be carried out later, when nobody looks any more. */
    type(bytes) {
      if (!open) return
      const all = new Uint8Array(waiting.length + bytes.length)
      all.set(waiting)
      all.set(bytes, waiting.length)
      waiting = all
      pump()
    },
    taken(offset) {
      acknowledged = offset
      pump()
    },
  }
}
