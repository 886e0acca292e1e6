import { messageOf, Stalled, Waiting } from '../kernel/errors.ts'
import type { GivenCondition } from '../status/conditions.ts'
import { givenConditions, otherStatus, type Finding } from '../status/write.ts'
import { capital } from './workspace/builds.ts'

/** What a person reads when a look could not be ended. Everything else stays as it was last seen. */
export function findingOf(error: unknown, top: 'Ready' | 'Succeeded', status: unknown): Finding {
  const own = new Set([top, 'Reconciling', 'Stalled'])
  const others = givenConditions(status).filter(({ type }) => !own.has(type))
  return { conditions: [...said(error, top), ...others], status: otherStatus(status) }
}

function said(error: unknown, top: 'Ready' | 'Succeeded'): GivenCondition[] {
  const unsettled = top === 'Ready' ? 'False' : 'Unknown'
  if (error instanceof Waiting) {
    const { reason } = error
    const message = capital(error.message)
    return [
      { type: top, status: unsettled, reason, message },
      { type: 'Reconciling', status: 'True', reason, message },
    ]
  }
  if (error instanceof Stalled) {
    const { reason } = error
    const message = capital(error.message)
    return [
      { type: top, status: 'False', reason, message },
      { type: 'Stalled', status: 'True', reason, message },
    ]
  }
  const message = `Something is wrong inside Bothy, which its log tells; it is tried again: ${messageOf(error)}`
  return [
    { type: top, status: unsettled, reason: 'InternalError', message },
    { type: 'Reconciling', status: 'True', reason: 'InternalError', message },
  ]
}
