import { fromIso, systemClock, type Instant } from '../controller/kernel/clock.ts'
import { durationMs } from '../controller/kernel/durations.ts'
import { usage } from './failure.ts'

/** What the command line said, read by name and kind of value; the grammar has already refused unknown names. */
export interface Options {
  flag(name: string): boolean
  text(name: string): string | null
  list(name: string): readonly string[]
  whole(name: string, most?: number): number | null
  milliseconds(name: string): number | null
  /** As it is, or so long from now: `+2h`. */
  instant(name: string): Instant | null
}

/** With its zone: whose nine o'clock it is must not be guessed. */
const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/

export function optionsOf(values: Readonly<Record<string, unknown>>): Options {
  const text = (name: string): string | null => {
    const value = values[name]
    return typeof value === 'string' ? value : null
  }
  return {
    text,
    flag: (name) => values[name] === true,
    list(name) {
      const value = values[name]
      return Array.isArray(value) ? value.filter((each) => typeof each === 'string') : []
    },
    whole(name, most = 999_999_999) {
      const value = text(name)
      if (value === null) return null
      if (!/^\d{1,9}$/.test(value)) throw usage(`--${name} ${value} is no whole number`, `give a number, as in --${name} 3`)
      if (Number(value) > most) throw usage(`--${name} ${value} is too large`, `give a number up to ${most}`)
      return Number(value)
    },
    instant(name) {
      const value = text(name)
      if (value === null) return null
      const ms = value.startsWith('+') ? durationMs(value.slice(1)) : null
      const at = ms === null ? (INSTANT.test(value) ? fromIso(value) : null) : systemClock.now() + ms
      if (at === null) throw usage(`--${name} ${value} is no instant`, `write it like +2h, or 2026-11-21T18:00:00Z`)
      return at
    },
    milliseconds(name) {
      const value = text(name)
      if (value === null) return null
      const ms = durationMs(value)
      if (ms === null) throw usage(`--${name} ${value} is no duration`, `write it like 30s, 5m or 1h30m`)
      return ms
    },
  }
}
