import type { Instant } from '../../kernel/clock.ts'
import type { LifeRow } from '../../store/records.ts'
import { buildInFlight, isSucceededStart, newestSettled, standingStart } from './builds.ts'
import { nextAutostart, scheduleKey } from './schedule/autostart.ts'
import { bumped, deadlineOf } from './schedule/deadline.ts'
import { wokenUp, withPolicyOfDormancy } from './schedule/dormancy.ts'
import { policyNow, ttlOf } from './schedule/policy.ts'
import { NOTICE_MS, requiredStop } from './schedule/required-stop.ts'
import type { Seen } from './seen.ts'

/** A workspace of which nothing is kept yet. */
export const NO_LIFE: LifeRow = {
  revision: 0,
  policy: null,
  deadlineBuild: null,
  deadlineAt: null,
  maxDeadlineAt: null,
  requirement: null,
  warnedAt: null,
  holdUntil: null,
  holdReason: null,
  holdBy: null,
  dormantAt: null,
  deletingAt: null,
  deleteDormantAfterMs: null,
  usedAt: null,
  schedule: null,
  scheduleSeenAt: null,
  missedAt: null,
  suspended: false,
  restoredAt: null,
  power: null,
  autoAt: null,
}

const TO_AUTO_MS = 30 * 60_000

/**
 * What is remembered, brought up to date with what is seen now. Each step is arithmetic on the row before it. Rules judge
 * by this, so that they never wait for a row to be written; and the row is written before anything is done because of it.
 */
const STEPS: readonly ((seen: Seen, now: Instant) => LifeRow)[] = [
  withPolicy,
  withSuspension,
  withSchedule,
  wokenUp,
  withPolicyOfDormancy,
  // Before power: a deadline is made anew when power becomes Auto.
  withDeadlines,
  withUse,
  withPower,
]

export function remembering(seen: Seen, now: Instant): Seen {
  // Nobody needs to remember what is going away.
  if (seen.workspace.deleting) return seen
  const life = STEPS.reduce((row, step) => step({ ...seen, life: row }, now), seen.life)
  return isSame(life, seen.life) ? seen : { ...seen, life }
}

export const isSame = (a: LifeRow, b: LifeRow): boolean => a === b || JSON.stringify(a) === JSON.stringify(b)

function withPolicy({ life, template }: Seen): LifeRow {
  if (!template || JSON.stringify(template.policy) === JSON.stringify(life.policy)) return life
  return { ...life, policy: template.policy }
}

function withSuspension({ life, owner }: Seen, now: Instant): LifeRow {
  if (owner.suspended === life.suspended) return life
  return { ...life, suspended: owner.suspended, restoredAt: owner.suspended ? life.restoredAt : now }
}

function withSchedule(seen: Seen, now: Instant): LifeRow {
  const schedule = scheduleKey(seen)
  return schedule === seen.life.schedule ? seen.life : { ...seen.life, schedule, scheduleSeenAt: schedule === null ? null : now }
}

function withPower({ life, workspace }: Seen, now: Instant): LifeRow {
  if (workspace.power === life.power) return life
  const becameAuto = life.power !== null && workspace.power === 'Auto'
  return { ...life, power: workspace.power, autoAt: becameAuto ? now : life.autoAt }
}

function withDeadlines(seen: Seen, now: Instant): LifeRow {
  const { life, workspace, owner } = seen
  const start = standingStart(seen.builds)
  if (!start) return life
  const finishedAt = start.finishedAt ?? start.queuedAt
  const required = policyNow(seen).requirement
  const requirement = JSON.stringify([required, owner.timezone, owner.quietHours])
  const isNew = life.deadlineBuild !== start.number
  const deadlineAt = ttlDeadline(seen, finishedAt, isNew, now)
  if (!isNew && requirement === life.requirement) return deadlineAt === life.deadlineAt ? life : { ...life, deadlineAt }
  const stopAt = requiredStop(required, owner, isNew ? finishedAt : now)
  // An edit of the policy stops nobody at once.
  const maxDeadlineAt = stopAt === null || isNew ? stopAt : Math.max(stopAt, now + NOTICE_MS)
  return { ...life, deadlineBuild: start.number, deadlineAt, maxDeadlineAt, requirement, power: life.power ?? workspace.power }
}

/** A deadline belongs to its start: a ttl that changes later does not move it, and none at all clears it. */
function ttlDeadline(seen: Seen, finishedAt: Instant, isNew: boolean, now: Instant): Instant | null {
  const { life, workspace } = seen
  const ttlMs = ttlOf(seen)
  if (ttlMs === 0 || workspace.power === 'Running') return null
  const becameAuto = life.power === 'Running'
  if (!isNew && !becameAuto) return life.deadlineAt
  const deadlineAt = deadlineOf(finishedAt, ttlMs, nextAutostart(seen, finishedAt))
  return becameAuto ? Math.max(deadlineAt, now + TO_AUTO_MS) : deadlineAt
}

/** Use moves the deadline, also one that has passed, as long as nothing has begun to stop it. */
function withUse(seen: Seen, now: Instant): LifeRow {
  const { life, activity, builds } = seen
  const start = newestSettled(builds)
  if (life.deadlineAt === null || activity.lastUsedAt === null || !isSucceededStart(start) || start.number !== life.deadlineBuild)
    return life
  const usedAt = Math.min(activity.lastUsedAt, now)
  const inFlight = buildInFlight(builds)
  if (usedAt < (start.finishedAt ?? 0) || (inFlight && inFlight.transition !== 'start')) return life
  const { activityBumpMs } = policyNow(seen)
  const deadlineAt = bumped(life.deadlineAt, {
    usedAt,
    bumpMs: activityBumpMs,
    ttlMs: ttlOf(seen),
    nextStartAt: nextAutostart(seen, usedAt),
  })
  return deadlineAt === life.deadlineAt ? life : { ...life, deadlineAt }
}
