import type { Instant } from '../../kernel/clock.ts'
import { mayBeRunning } from './builds.ts'
import { cleanUpAt } from './clock-rules.ts'
import { driftLookAt } from './drift.ts'
import { machineOf } from './machine.ts'
import { warningAt } from './notices.ts'
import { startsAt } from './schedule/autostart.ts'
import { dormantFrom } from './schedule/dormancy.ts'
import { idleOf } from './schedule/idle.ts'
import { deadlines, patientUntil } from './schedule/stops.ts'
import { quietAt } from './schedule/use.ts'
import type { Seen } from './seen.ts'
import type { Step } from './step.ts'

const LOOK_FOR_SILENCE_MS = 60_000
const LOOK_AT_BUILD_MS = 5_000

/** The next instant at which the same facts would be judged differently. */
export function wakeAt(seen: Seen, step: Step, now: Instant): Instant | null {
  const later = [...ofStep(step, now), ...ofMachine(seen, now), ...ofClock(seen, now)].filter((at) => at > now)
  return later.length > 0 ? Math.min(...later) : null
}

function ofStep(step: Step, now: Instant): Instant[] {
  if (step.is === 'held' || step.is === 'shutdown') return step.until === null ? [] : [step.until]
  // Its provisioner wakes us with every step; this is for the notification that was lost.
  return step.is === 'building' || step.is === 'cancel' || step.is === 'planning' ? [now + LOOK_AT_BUILD_MS] : []
}

function ofMachine(seen: Seen, now: Instant): Instant[] {
  const machine = machineOf(seen)
  const looks = (machine.is === 'silent' || machine.is === 'present') && machine.lookAt !== null
  return [
    ...(looks ? [machine.lookAt > now ? machine.lookAt : now + LOOK_FOR_SILENCE_MS] : []),
    ...seen.agents.flatMap((agent) => {
      // A holder of the connection that died tells nobody that the agent fell silent.
      if (agent.status === 'Connected') return [(agent.lastSeenAt ?? now) + LOOK_FOR_SILENCE_MS]
      const waitedFor = agent.status === 'Connecting' && agent.connectionTimeoutMs > 0
      return waitedFor ? [agent.createdAt + agent.connectionTimeoutMs + 1] : []
    }),
  ]
}

function ofClock(seen: Seen, now: Instant): Instant[] {
  if (seen.workspace.deleting) return []
  const { life } = seen
  const instants = [dormantFrom(seen), life.deletingAt, cleanUpAt(seen), life.holdUntil, startsAt(seen, now), driftLookAt(seen)]
  return [...instants, ...(mayBeRunning(seen.builds) ? ofStops(seen, now) : [])].filter((at) => at !== null)
}

function ofStops(seen: Seen, now: Instant): (Instant | null)[] {
  const { deadlineAt, maxDeadlineAt } = deadlines(seen)
  const idle = idleOf(seen, now)
  const warning = warningAt(seen)
  if (deadlineAt === null && maxDeadlineAt === null && idle.is === 'off') return []
  return [
    deadlineAt,
    maxDeadlineAt,
    idle.is === 'known' ? idle.at : null,
    // Agents tell of their own accord; nobody is woken by each report.
    idle.is === 'unknown' ? now + LOOK_FOR_SILENCE_MS : null,
    patientUntil(seen),
    ...(warning ? [warning.at, warning.at <= now ? quietAt(seen) : null] : []),
  ]
}
