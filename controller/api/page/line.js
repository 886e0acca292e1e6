import { Refusal, terminalSocket } from './api.js'
import { FRAME, frameReader, jsonFrame } from './frames.js'

const RETRY_FIRST_MS = 200
const RETRY_MOST_MS = 3000
/** What waiting does not mend. */
const FOR_GOOD = new Set([401, 403, 404, 409])

/** The connection of a terminal: comes back by itself until it is closed, also to a control plane that restarted. */
export function createLine({ ref, agent, first, onFrame, onLost, onRefused }) {
  let [socket, failures, timer, closed] = [null, 0, 0, false]

  const again = () => {
    if (closed) return
    failures += 1
    onLost()
    timer = setTimeout(dial, Math.min(RETRY_MOST_MS, RETRY_FIRST_MS * 2 ** Math.min(failures, 5)) * (0.7 + Math.random() * 0.6))
  }
  const dial = async () => {
    try {
      socket = await terminalSocket(ref, agent)
    } catch (error) {
      return error instanceof Refusal && FOR_GOOD.has(error.code) ? onRefused(error.message) : again()
    }
    const read = frameReader(onFrame)
    socket.addEventListener('open', () => send(jsonFrame(FRAME.start, first())))
    socket.addEventListener('message', ({ data }) => read(new Uint8Array(data)))
    socket.addEventListener('close', again)
  }
  const send = (bytes) => {
    if (socket?.readyState === WebSocket.OPEN) socket.send(bytes)
  }
  void dial()
  return {
    send,
    isWell() {
      failures = 0
    },
    close() {
      closed = true
      clearTimeout(timer)
      socket?.close()
    },
  }
}
