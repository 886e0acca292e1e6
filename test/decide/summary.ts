import type { Instant } from '../../controller/kernel/clock.ts'
import type { Action } from '../../controller/reconcile/workspace/decide.ts'
import type { Verdict } from '../../controller/reconcile/verdict.ts'
import { never } from '../../controller/kernel/errors.ts'
import { NOW } from './worlds.ts'

/** A verdict as a reader of a table wants it: everything that was decided, in a few words. */
export interface Summary {
  readonly does: readonly string[]
  readonly ready: string
  /** Reconciling or Stalled with its reason. */
  readonly under: string | null
  readonly state: unknown
  readonly wakesInMs: number | null
}

export function summary(verdict: Verdict<Action>, now: Instant = NOW): Summary {
  const of = (type: string) => verdict.conditions.find((condition) => condition.type === type)
  const under = of('Reconciling') ?? of('Stalled')
  return {
    does: verdict.actions.map(told),
    ready: `${of('Ready')?.status ?? ''} ${of('Ready')?.reason ?? ''}`,
    under: under ? `${under.type} ${under.reason}` : null,
    state: verdict.status['state'],
    wakesInMs: verdict.wakeAt === null ? null : verdict.wakeAt - now,
  }
}

function told(action: Action): string {
  switch (action.do) {
    case 'queue-build': {
      const { transition, reason, number, requestUid } = action.build
      const tells = action.tells.map((happening) => ` telling ${happening.reason}`).join('')
      return `${transition} ${number} (${reason}${requestUid ? ` for ${requestUid}` : ''})${tells}`
    }
    case 'cancel-build':
      return `cancel ${action.jobId}`
    case 'emit':
      return `tell ${action.happening.reason}`
    case 'queue-look':
      return 'look'
    case 'queue-plan':
      return `plan (${action.plan.reason})`
    case 'keep-life':
      return 'remember'
    case 'add-finalizer':
    case 'remove-finalizer':
    case 'wish-shutdown':
      return action.do
    default:
      return never(action)
  }
}
