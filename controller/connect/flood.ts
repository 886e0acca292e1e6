import type { Http2Session } from 'node:http2'
import type { Duplex } from 'node:stream'
import { SESSION_WINDOW_BYTES } from '../../agent/protocol.ts'
import type { Clock, Instant } from '../kernel/clock.ts'

/**
 * An agent is a program of somebody else: it may send frames that cost us more than they cost it. What carries data is held back
 * by windows; what does not is counted here. Whoever is cut for it is let in again, later each time.
 */

/** Of frames that no agent sends often: pings, and settings. */
const FRAMES_PER_SECOND_MAX = 200
/** While nothing but reports is open, and those are taken at a pace. */
const IDLE_BYTES_PER_SECOND_MAX = 4 * 1024 * 1024
const LOOK_EVERY_MS = 1000
/** What was on its way when the last stream ended may still come: no more than the window of the session, at the pace above. */
const IDLE_LOOKS = SESSION_WINDOW_BYTES / IDLE_BYTES_PER_SECOND_MAX

const PENALTY_FIRST_MS = 1000
const PENALTY_MAX_MS = 60_000
const FORGIVEN_AFTER_MS = 10 * 60_000
const PUNISHED_MAX = 10_000

/** It did what no agent does: not a fault of the network, and no reason to try again soon. */
export class Misbehaved extends Error {
  override readonly name = 'Misbehaved'
}

export interface Watched {
  readonly session: Http2Session
  readonly connection: Duplex
  /** Nothing but the stream of reports is open, or was since this was last asked. */
  readonly idle: () => boolean
  readonly cut: (why: string) => void
}

export function watchFlood(watched: Watched, clock: Clock): void {
  const { session, connection, idle, cut } = watched
  let frames = 0
  let bytes = bytesRead(connection)
  let idleLooks = 0
  let over = false
  const count = () => {
    frames += 1
    if (frames > FRAMES_PER_SECOND_MAX && !over) end(`the agent sent more than ${FRAMES_PER_SECOND_MAX} pings or settings in a second`)
  }
  const end = (why: string) => {
    over = true
    cut(why)
  }
  const look = () => {
    if (over || session.destroyed) return
    const read = bytesRead(connection)
    idleLooks = idle() ? idleLooks + 1 : 0
    if (idleLooks > IDLE_LOOKS && read - bytes > IDLE_BYTES_PER_SECOND_MAX) return end('the agent floods its link')
    frames = 0
    bytes = read
    clock.after(LOOK_EVERY_MS, look)
  }
  session.on('ping', count)
  session.on('remoteSettings', count)
  session.once('close', () => (over = true))
  clock.after(LOOK_EVERY_MS, look)
}

const bytesRead = (connection: Duplex): number =>
  'bytesRead' in connection && typeof connection.bytesRead === 'number' ? connection.bytesRead : 0

export interface Penalties {
  /** How long it has to wait still; 0: it may come. */
  waitMs(agentId: string): number
  punish(agentId: string): void
}

/** Only whoever showed the token of an agent is punished, so nobody can keep another's agent out. */
export function createPenalties(clock: Clock): Penalties {
  const punished = new Map<string, { readonly until: Instant; readonly lastMs: number }>()
  return {
    waitMs: (agentId) => Math.max(0, (punished.get(agentId)?.until ?? 0) - clock.elapsedMs()),
    punish(agentId) {
      const before = punished.get(agentId)
      const now = clock.elapsedMs()
      const forgiven = !before || now - before.until > FORGIVEN_AFTER_MS
      const lastMs = forgiven ? PENALTY_FIRST_MS : Math.min(before.lastMs * 2, PENALTY_MAX_MS)
      // Last in the order of the map is who was punished last.
      punished.delete(agentId)
      punished.set(agentId, { until: now + lastMs, lastMs })
      const oldest = punished.keys().next().value
      if (punished.size > PUNISHED_MAX && oldest !== undefined) punished.delete(oldest)
    },
  }
}
