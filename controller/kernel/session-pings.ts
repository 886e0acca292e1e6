import type { Http2Session } from 'node:http2'
import type { Cancel, Clock } from './clock.ts'

/**
 * Finds a half-open connection: pings, and destroys the session when no answer comes or the ping itself fails. One ping
 * at a time: more than ten unanswered ones are an error of their own.
 */
export function keepAlive(session: Http2Session, clock: Clock, limits: { readonly everyMs: number; readonly limitMs: number }): void {
  let cancel: Cancel | null = null
  const over = () => session.closed || session.destroyed
  const lost = () => session.destroy(new Error('ping timeout'))

  const ping = () => {
    if (over()) return
    cancel = clock.after(limits.limitMs, lost)
    const sent = session.ping((error) => {
      cancel?.()
      if (error) return lost()
      wait()
    })
    if (!sent) lost()
  }
  const wait = () => {
    cancel = clock.after(limits.everyMs, ping)
  }

  wait()
  session.once('close', () => cancel?.())
}
