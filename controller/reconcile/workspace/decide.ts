import type { Happening } from '../../cluster/port.ts'
import type { Instant } from '../../kernel/clock.ts'
import type { NewBuild, NewJob } from '../../store/records.ts'
import type { Verdict } from '../verdict.ts'
import { conditionsOf } from './conditions.ts'
import { happening, happenings } from './happenings.ts'
import { machineOf } from './machine.ts'
import type { Seen } from './seen.ts'
import { statusOf } from './status.ts'
import { stepTo, type Step } from './step.ts'
import { wants } from './wants.ts'

export type Action =
  | { readonly do: 'add-finalizer' }
  | { readonly do: 'remove-finalizer' }
  /** What happened because of it is told only if it was really queued: somebody else may have been first. */
  | { readonly do: 'queue-build'; readonly build: NewBuild; readonly tells: readonly Happening[] }
  | { readonly do: 'cancel-build'; readonly jobId: string }
  | { readonly do: 'queue-look'; readonly look: NewJob }
  | { readonly do: 'wish-shutdown' }
  | { readonly do: 'emit'; readonly happening: Happening }

const LOOK_FOR_SILENCE_MS = 60_000
const LOOK_AT_BUILD_MS = 5_000

export function decide(seen: Seen, now: Instant): Verdict<Action> {
  const want = wants(seen, now)
  const step = stepTo(want, seen, now)
  const conditions = conditionsOf(seen, want, step)
  const runningNow = conditions.some(({ type, status }) => type === 'Running' && status === 'True')
  const told = happenings(seen, step, now).map((happening): Action => ({ do: 'emit', happening }))
  return {
    actions: [...told, ...actionsOf(seen, step)],
    conditions,
    status: statusOf(seen, want, step, runningNow),
    wakeAt: wakeAt(seen, step, now),
  }
}

function actionsOf(seen: Seen, step: Step): Action[] {
  switch (step.is) {
    case 'settled':
    case 'building':
    case 'held':
      return []
    case 'queue':
      return [...ownFirst(seen), { do: 'queue-build', build: step.build, tells: toldWith(seen, step) }]
    case 'cancel':
      return [{ do: 'cancel-build', jobId: step.build.id }]
    case 'look':
      return [{ do: 'queue-look', look: step.look }]
    case 'shutdown':
      return step.asked ? [] : [{ do: 'wish-shutdown' }]
    case 'release':
      return released(seen, step.gaveUp)
  }
}

/** The finalizer comes before the first side effect: a crash between the two must not leak infrastructure. */
const ownFirst = ({ workspace }: Seen): Action[] => (workspace.hasFinalizer || workspace.deleting ? [] : [{ do: 'add-finalizer' }])

function toldWith(seen: Seen, { build, scriptsTimedOut }: Extract<Step, { is: 'queue' }>): Happening[] {
  return [
    ...(build.reason === 'MachineLost'
      ? [happening(seen, 'Warning', 'MachineLost', 'Start', `The machine is gone; build ${build.number} makes a new one.`)]
      : []),
    ...(scriptsTimedOut
      ? [happening(seen, 'Warning', 'ShutdownTimeout', 'Stop', 'The stop scripts took too long; it is stopped without waiting for them.')]
      : []),
  ]
}

function released(seen: Seen, gaveUp: boolean): Action[] {
  if (!seen.workspace.hasFinalizer) return []
  const note = 'Given up as asked (annotation bothy.dev/abandon): what was built may still exist.'
  const told: Action[] = gaveUp ? [{ do: 'emit', happening: happening(seen, 'Warning', 'Abandoned', 'Delete', note) }] : []
  return [...told, { do: 'remove-finalizer' }]
}

/** The next instant at which the same facts would be judged differently. */
function wakeAt(seen: Seen, step: Step, now: Instant): Instant | null {
  const instants: Instant[] = []
  if ((step.is === 'held' || step.is === 'shutdown') && step.until !== null) instants.push(step.until)
  // Its provisioner wakes us with every step; this is for the notification that was lost.
  if (step.is === 'building' || step.is === 'cancel') instants.push(now + LOOK_AT_BUILD_MS)
  const machine = machineOf(seen)
  if ((machine.is === 'silent' || machine.is === 'present') && machine.lookAt !== null) {
    instants.push(machine.lookAt > now ? machine.lookAt : now + LOOK_FOR_SILENCE_MS)
  }
  for (const agent of seen.agents) {
    // A holder of the connection that died tells nobody that the agent fell silent.
    if (agent.status === 'Connected') instants.push((agent.lastSeenAt ?? now) + LOOK_FOR_SILENCE_MS)
    if (agent.status === 'Connecting' && agent.connectionTimeoutMs > 0) instants.push(agent.createdAt + agent.connectionTimeoutMs + 1)
  }
  return instants.length > 0 ? Math.min(...instants) : null
}
