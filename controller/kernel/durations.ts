/** Go-style durations, as resources carry them: `8h`, `1h30m`, `0s`; `7d` is ours and means 24 h times seven. */
const UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }
const PART = /(\d+(?:\.\d+)?)(ms|s|m|h|d)/gy

/** null where the text is no duration. */
export function durationMs(text: string): number | null {
  PART.lastIndex = 0
  let total = 0
  let end = 0
  for (let part = PART.exec(text); part; part = PART.exec(text)) {
    total += Number(part[1]) * (UNITS_MS[part[2] ?? ''] ?? Number.NaN)
    end = PART.lastIndex
  }
  return end === text.length && end > 0 && Number.isFinite(total) ? total : null
}

/** For people: the two largest units, `3m12s`, `2d4h`, `450ms`. */
export function humanDuration(ms: number): string {
  if (ms < 1000) return `${Math.max(0, Math.round(ms))}ms`
  const seconds = Math.floor(ms / 1000)
  const parts: readonly (readonly [number, string])[] = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'm'],
    [seconds % 60, 's'],
  ]
  const first = parts.findIndex(([count]) => count > 0)
  return parts
    .slice(first, first + 2)
    .filter(([count]) => count > 0)
    .map(([count, unit]) => `${count}${unit}`)
    .join('')
}

const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const YEAR = 365 * DAY

/** Up to where an age is told in these units: one where one says enough, two where the second still matters. */
const AGES: readonly (readonly [below: number, unit: number, letter: string, rest: number, restLetter: string])[] = [
  [2 * MINUTE, SECOND, 's', 0, ''],
  [10 * MINUTE, MINUTE, 'm', SECOND, 's'],
  [3 * HOUR, MINUTE, 'm', 0, ''],
  [8 * HOUR, HOUR, 'h', MINUTE, 'm'],
  [2 * DAY, HOUR, 'h', 0, ''],
  [8 * DAY, DAY, 'd', HOUR, 'h'],
  [2 * YEAR, DAY, 'd', 0, ''],
  [8 * YEAR, YEAR, 'y', DAY, 'd'],
  [Number.POSITIVE_INFINITY, YEAR, 'y', 0, ''],
]

/** As tables of Kubernetes write ages. */
export function shortAge(ms: number): string {
  // A clock that is a little behind is nothing wrong.
  if (ms <= -2 * SECOND) return '<invalid>'
  const age = Math.max(0, ms)
  const [, unit, letter, rest, restLetter] = AGES.find(([below]) => age < below) ?? [0, SECOND, 's', 0, '']
  const more = rest === 0 ? 0 : Math.floor((age % unit) / rest)
  return `${Math.floor(age / unit)}${letter}${more === 0 ? '' : `${more}${restLetter}`}`
}
