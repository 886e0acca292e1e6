import { toIso, type Instant } from '../controller/kernel/clock.ts'
import { isZone, wallOf, weekdayOf, type Weekday } from '../controller/kernel/zones.ts'

/** Instants as a clock on somebody's wall shows them. */

/** The zone of this machine, or of TZ where that names one. */
export function zoneHere(): string {
  const { timeZone } = new Intl.DateTimeFormat().resolvedOptions()
  return isZone(timeZone) ? timeZone : 'UTC'
}

const two = (number: number): string => String(Math.floor(number)).padStart(2, '0')

/** With its distance from UTC, so that it can be given back: `2026-11-23T10:00:00+01:00`. */
export function shownIn(zone: string, at: Instant): string {
  const wall = wallOf(zone, at)
  const minutes = Math.round((wall - at) / 60_000)
  if (minutes === 0) return toIso(at)
  const distance = Math.abs(minutes)
  return `${toIso(wall).replace(/Z$/, '')}${minutes < 0 ? '-' : '+'}${two(distance / 60)}:${two(distance % 60)}`
}

export const dayIn = (zone: string, at: Instant): Weekday => weekdayOf(wallOf(zone, at))
