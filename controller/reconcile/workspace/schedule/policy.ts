import type { Template } from '../../../../crds/types.ts'
import { durationMs } from '../../../kernel/durations.ts'
import type { PolicyRow } from '../../../store/records.ts'
import type { Seen } from '../seen.ts'

const ms = (text: string): number => durationMs(text) ?? 0

/** A template's policy in numbers. */
export function policyOf({ schedule }: Template['spec']): PolicyRow {
  const { idleAfter, autostart, autostop, requirement } = schedule
  return {
    ttlMs: ms(schedule.ttl),
    ownTtl: autostop.allowed,
    activityBumpMs: ms(schedule.activityBump),
    idleAfter: { defaultMs: ms(idleAfter.default), minMs: ms(idleAfter.min), maxMs: ms(idleAfter.max) },
    maxHoldMs: ms(schedule.maxHold),
    autostart: { allowed: autostart.allowed, days: autostart.days },
    requirement: { days: requirement.days, weeks: requirement.weeks },
    failureTtlMs: ms(schedule.failureTtl),
    dormantAfterMs: ms(schedule.dormantAfter),
    deleteDormantAfterMs: ms(schedule.deleteDormantAfter),
  }
}

/** Of a workspace whose template was never seen: nothing happens by the clock. */
const NOTHING: PolicyRow = {
  ttlMs: 0,
  ownTtl: true,
  activityBumpMs: 0,
  idleAfter: { defaultMs: 0, minMs: 0, maxMs: 0 },
  maxHoldMs: 0,
  autostart: { allowed: false, days: [] },
  requirement: { days: [], weeks: 1 },
  failureTtlMs: 0,
  dormantAfterMs: 0,
  deleteDormantAfterMs: 0,
}

/** The template's policy, or the last one seen when the template is gone: deadlines, idle stops and stops go on. */
export const policyNow = ({ template, life }: Seen): PolicyRow => template?.policy ?? life.policy ?? NOTHING

/** 0: never. */
export function ttlOf(seen: Seen): number {
  const { ttlMs, ownTtl } = policyNow(seen)
  return ownTtl ? (seen.workspace.schedule.ttlMs ?? ttlMs) : ttlMs
}

/** What the workspace chose, within the template's bounds. 0: off. */
export function idleAfterOf(seen: Seen): number {
  const { defaultMs, minMs, maxMs } = policyNow(seen).idleAfter
  const chosen = seen.workspace.schedule.idleAfterMs ?? defaultMs
  const atLeast = chosen === 0 ? 0 : Math.max(chosen, minMs)
  // Where there is a bound, switching it off would be longer than any.
  return maxMs > 0 && (atLeast === 0 || atLeast > maxMs) ? maxMs : atLeast
}
