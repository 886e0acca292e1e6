import type { Happening } from '../../cluster/port.ts'
import type { Instant } from '../../kernel/clock.ts'
import type { LifeRow, NewBuild, NewJob, NewPlan } from '../../store/records.ts'
import type { Verdict } from '../verdict.ts'
import { conditionsOf } from './conditions.ts'
import { happening, happenings } from './happenings.ts'
import { isSame, remembering } from './life.ts'
import { noticed } from './notices.ts'
import type { Seen } from './seen.ts'
import { unhurriedActivity } from './status-clock.ts'
import { statusOf } from './status.ts'
import { stepTo, type Step } from './step.ts'
import { wakeAt } from './wake.ts'
import { wants } from './wants.ts'

export type Action =
  | { readonly do: 'add-finalizer' }
  | { readonly do: 'remove-finalizer' }
  /** What happened because of it is told only if it was really queued: somebody else may have been first. */
  | {
      readonly do: 'queue-build'
      readonly build: NewBuild
      readonly tells: readonly Happening[]
      /** What is remembered, as it was decided on: somebody may extend a deadline at this very moment. null: it does not matter. */
      readonly lifeRevision: number | null
    }
  | { readonly do: 'cancel-build'; readonly jobId: string }
  | { readonly do: 'queue-look'; readonly look: NewJob }
  | { readonly do: 'queue-plan'; readonly plan: NewPlan }
  | { readonly do: 'wish-shutdown' }
  | { readonly do: 'keep-life'; readonly life: LifeRow }
  | { readonly do: 'emit'; readonly happening: Happening }

export function decide(observed: Seen, now: Instant): Verdict<Action> {
  const current = remembering(observed, now)
  const want = wants(current, now)
  const { life, told } = noticed(current, want, now)
  const seen = { ...current, life }
  const keeps = !isSame(life, observed.life)
  const step = stepTo(want, seen, now)
  const conditions = conditionsOf(seen, want, step)
  const runningNow = conditions.some(({ type, status }) => type === 'Running' && status === 'True')
  const unhurried = unhurriedActivity(seen, now)
  const happened = [...told, ...happenings(seen, step, now)].map(emitted)
  return {
    actions: [...(keeps ? kept(seen) : []), ...happened, ...actionsOf(seen, step, keeps ? life.revision + 1 : life.revision)],
    conditions,
    status: statusOf(seen, want, step, runningNow, now),
    ...(unhurried ? { unhurried: statusOf(unhurried, want, step, runningNow, now) } : {}),
    // That somebody was told is known by the status alone; what is done otherwise is rows, which the next look reads.
    passing: happened.length === 0,
    wakeAt: wakeAt(seen, step, now),
  }
}

const emitted = (happening: Happening): Action => ({ do: 'emit', happening })

/** What is remembered is written before anything is done or told because of it. */
const kept = (seen: Seen): Action[] => [...ownFirst(seen), { do: 'keep-life', life: seen.life }]

/** What people can move while it is being decided. */
const byTheClock = ({ reason }: NewBuild): boolean => reason === 'Deadline' || reason === 'Idle'

function actionsOf(seen: Seen, step: Step, revision: number): Action[] {
  switch (step.is) {
    case 'settled':
    case 'building':
    case 'planning':
    case 'held':
      return []
    case 'queue':
      return [
        ...ownFirst(seen),
        { do: 'queue-build', build: step.build, tells: toldWith(seen, step), lifeRevision: byTheClock(step.build) ? revision : null },
      ]
    case 'cancel':
      return [{ do: 'cancel-build', jobId: step.build.id }]
    case 'plan':
      return [...ownFirst(seen), { do: 'queue-plan', plan: step.plan }]
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
