import { isRefused } from '../kernel/errors.ts'
import type { Passes } from '../store/passes.ts'
import type { Authority, Caller, Wish } from './ports.ts'

/**
 * What goes on for a while, a watch, a log, an upgraded connection, ends when whoever opened it may not have it any more: they
 * signed out, their token was revoked or came to its end, a right was taken away.
 */
export interface Staying {
  /** Answers how to be looked at no more. */
  add(caller: Caller, wish: Wish, cut: () => void): () => void
  /** Those who signed in are known from now on. */
  open(passes: Passes | null): void
  close(): void
}

interface Stay {
  readonly caller: Caller
  readonly wish: Wish
  readonly cut: () => void
}

/** Asked at a time: whoever is asked refuses too many at once, and then those who come last would never be looked at. */
const LOOKS_AT_ONCE = 16

export function createStaying(authority: Authority): Staying {
  const stays = new Set<Stay>()
  /** To be looked at, in order. */
  const due = new Set<Stay>()
  const stops: (() => void)[] = []
  let passes: Passes | null = null
  let listens = false

  let looks = 0

  const look = async (stay: Stay): Promise<void> => {
    const { caller, wish, cut } = stay
    // Where nobody can be asked now, whoever is in stays.
    const refused = await authority.authorize(caller, wish).catch(() => null)
    if (stays.has(stay) && isRefused(refused, 'Forbidden', 'Unauthorized')) cut()
  }
  const lookAtSome = async (): Promise<void> => {
    looks += 1
    for (const stay of due) {
      due.delete(stay)
      await look(stay)
    }
    looks -= 1
  }
  const lookAtAll = () => {
    for (const stay of stays) {
      const { caller, cut } = stay
      if (caller.session && passes?.hasEnded(caller.session)) cut()
      else due.add(stay)
    }
    for (let more = looks; more < LOOKS_AT_ONCE; more += 1) void lookAtSome()
  }
  const listen = (stop: (() => void) | undefined) => {
    if (stop) stops.push(stop)
  }
  return {
    add(caller, wish, cut) {
      // An authority that has to ask others about changes asks while somebody listens.
      if (!listens) listen(authority.onChanged?.(lookAtAll))
      listens = true
      const stay = { caller, wish, cut }
      stays.add(stay)
      return () => {
        stays.delete(stay)
        due.delete(stay)
      }
    },
    open(opened) {
      passes = opened
      listen(opened?.onEnded(lookAtAll))
    },
    close() {
      for (const stop of stops.splice(0)) stop()
      stays.clear()
      due.clear()
    },
  }
}
