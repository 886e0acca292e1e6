import { durationMs } from '../controller/kernel/durations.ts'
import { usage } from './failure.ts'

/** What the command line said, read by name and kind of value; the grammar has already refused unknown names. */
export interface Options {
  flag(name: string): boolean
  text(name: string): string | null
  list(name: string): readonly string[]
  whole(name: string, most?: number): number | null
  milliseconds(name: string): number | null
}

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
    milliseconds(name) {
      const value = text(name)
      if (value === null) return null
      const ms = durationMs(value)
      if (ms === null) throw usage(`--${name} ${value} is no duration`, `write it like 30s, 5m or 1h30m`)
      return ms
    },
  }
}
