import type { Clock } from './clock.ts'

interface Pinged {
  ping(): void
  terminate(): void
  on(event: 'pong' | 'close', listener: () => void): unknown
}

/** Finds a half-open WebSocket: a ping each `everyMs`, and the end when the one before was not answered. */
export function keepSocketAlive(socket: Pinged, clock: Clock, everyMs: number): void {
  let answered = true
  let over = false
  const look = () => {
    if (over) return
    if (!answered) return socket.terminate()
    answered = false
    socket.ping()
    clock.after(everyMs, look)
  }
  socket.on('pong', () => (answered = true))
  socket.on('close', () => (over = true))
  clock.after(everyMs, look)
}
