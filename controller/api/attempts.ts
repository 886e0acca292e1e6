import type { Clock } from '../kernel/clock.ts'
import { Refused } from '../kernel/errors.ts'
import { sha256 } from '../kernel/names.ts'
import type { Authority } from './ports.ts'

const TRIES_MAX = 50
const TRIES_BACK_PER_SECOND = 5
const ADDRESSES_MAX = 4096
const PROVEN_MAX = 4096

/**
 * How often one address may show a token of nobody. Each failure takes one of a few tries, which come back with time; while there
 * are none, only tokens that were good before are looked at. So whoever guesses is slowed down, and nobody who works from the same
 * address is locked out.
 */
export function slowedDown(authority: Authority, clock: Clock): Authority {
  const left = new Map<string, { tries: number; at: number }>()
  const proven = new Set<string>()

  const leftOf = (address: string) => {
    const now = clock.elapsedMs()
    const before = left.get(address) ?? { tries: TRIES_MAX, at: now }
    const entry = { tries: Math.min(TRIES_MAX, before.tries + ((now - before.at) / 1000) * TRIES_BACK_PER_SECOND), at: now }
    left.delete(address)
    left.set(address, entry)
    if (left.size > ADDRESSES_MAX) left.delete(first(left.keys()))
    return entry
  }
  return {
    ...authority,
    async authenticate(bearer, address = '') {
      const digest = sha256(bearer)
      if (proven.has(digest)) return authority.authenticate(bearer, address)
      const entry = leftOf(address)
      if (entry.tries < 1) throw new Refused('TooManyRequests', 'too many wrong tokens came from your address', { retryAfterSeconds: 1 })
      // Taken before it is looked at, so that many at once are counted too.
      entry.tries -= 1
      const caller = await authority.authenticate(bearer, address)
      if (!caller) return null
      entry.tries += 1
      proven.add(digest)
      if (proven.size > PROVEN_MAX) proven.delete(first(proven))
      return caller
    },
  }
}

const first = (all: Iterable<string>): string => all[Symbol.iterator]().next().value ?? ''
