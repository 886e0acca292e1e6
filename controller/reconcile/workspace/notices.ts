import type { Happening } from '../../cluster/port.ts'
import { toIso, type Instant } from '../../kernel/clock.ts'
import type { LifeRow } from '../../store/records.ts'
import { buildInFlight } from './builds.ts'
import { happening } from './happenings.ts'
import { dueStart } from './schedule/autostart.ts'
import { fallenAsleep } from './schedule/dormancy.ts'
import { deadlineStopAt } from './schedule/stops.ts'
import { isInUse } from './schedule/use.ts'
import type { Seen } from './seen.ts'
import type { Want } from './wants.ts'

/** What people are told once, and the row that remembers that they were. */
export interface Notice {
  readonly life: LifeRow
  readonly told: readonly Happening[]
}

export const WARNING_MS = 30 * 60_000

export function noticed(seen: Seen, want: Want, now: Instant): Notice {
  const notices = [becameDormant, stopsSoon, missedStart]
  return notices.reduce<Notice>(
    ({ life, told }, notice) => {
      const next = notice({ ...seen, life }, want, now)
      return next ? { life: next.life, told: [...told, ...next.told] } : { life, told }
    },
    { life: seen.life, told: [] },
  )
}

function becameDormant(seen: Seen, want: Want, now: Instant): Notice | null {
  if (!want.fallsAsleep) return null
  const life = fallenAsleep(seen, now)
  const ends = life.deletingAt === null ? '' : ` Its infrastructure is destroyed at ${toIso(life.deletingAt)} unless somebody starts it.`
  return { life, told: [happening(seen, 'Normal', 'Dormant', 'Stop', `${want.message}${ends}`)] }
}

/** The stop that people are to be warned of now, or later. */
export function warningAt(seen: Seen): { readonly stopAt: Instant; readonly at: Instant } | null {
  const stopAt = seen.workspace.paused || buildInFlight(seen.builds) ? null : deadlineStopAt(seen)
  return stopAt === null || stopAt === seen.life.warnedAt ? null : { stopAt, at: stopAt - WARNING_MS }
}

/** Once for each deadline, and not while somebody uses it: their use moves the deadline. */
function stopsSoon(seen: Seen, want: Want, now: Instant): Notice | null {
  const warning = warningAt(seen)
  if (!warning || now < warning.at || now >= warning.stopAt || want.wants === 'stopped' || isInUse(seen, now)) return null
  const note = `It stops at ${toIso(warning.stopAt)} (Deadline) unless somebody uses or extends it.`
  return { life: { ...seen.life, warnedAt: warning.stopAt }, told: [happening(seen, 'Normal', 'StopsSoon', 'Stop', note)] }
}

function missedStart(seen: Seen, want: Want, now: Instant): Notice | null {
  const due = want.wants === 'as it is' ? dueStart(seen, now) : null
  if (!due?.missed || seen.life.missedAt === due.at) return null
  const note = `The start of ${toIso(due.at)} is skipped: it could not be made within two hours.`
  return { life: { ...seen.life, missedAt: due.at }, told: [happening(seen, 'Warning', 'AutostartMissed', 'Start', note)] }
}
