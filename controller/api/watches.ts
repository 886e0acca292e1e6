import { Refused } from '../kernel/errors.ts'
import type { Caller } from './ports.ts'

/** The watches that are open: so many in all, and of each caller no more than a part, so that nobody takes all of them. */

const WATCHES_MAX = 512
const OF_ONE_MAX = 128
/** As often as an API server asks whoever is too many to come back. */
const RETRY_AFTER_S = 1

export interface Watches {
  count(): number
  /** Answers how to leave. */
  enter(caller: Caller): () => void
}

export function createWatches(): Watches {
  const open = new Map<string, number>()
  let all = 0
  return {
    count: () => all,
    enter({ user, token }) {
      const who = token ?? user
      const own = open.get(who) ?? 0
      if (own >= OF_ONE_MAX) throw tooMany(`${OF_ONE_MAX} watches of ${user} are open already`)
      if (all >= WATCHES_MAX) throw tooMany(`${WATCHES_MAX} watches are open already`)
      open.set(who, own + 1)
      all += 1
      return () => {
        const left = (open.get(who) ?? 1) - 1
        if (left === 0) open.delete(who)
        else open.set(who, left)
        all -= 1
      }
    },
  }
}

/** The words of an API server's priority and fairness, and what there are too many of. */
const tooMany = (what: string): Refused =>
  new Refused('TooManyRequests', `Too many requests, please try again later: ${what}`, { retryAfterSeconds: RETRY_AFTER_S })
