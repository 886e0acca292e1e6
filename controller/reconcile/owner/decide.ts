import { isZone } from '../../kernel/zones.ts'
import type { GivenCondition } from '../../status/conditions.ts'
import type { Verdict } from '../verdict.ts'

export interface Seen {
  readonly user: string
  readonly suspended: boolean
  readonly timezone: string
}

/** Nothing is done to an owner: workspaces look at it. */
export function decide(seen: Seen): Verdict<never> {
  return { actions: [], conditions: conditionsOf(seen), status: {}, wakeAt: null }
}

const ready = (status: GivenCondition['status'], reason: GivenCondition['reason'], message: string): GivenCondition => ({
  type: 'Ready',
  status,
  reason,
  message,
})

function conditionsOf({ user, suspended, timezone }: Seen): GivenCondition[] {
  // As somebody wants it: whoever waits for what they declared does not wait for ever.
  if (suspended) return [ready('True', 'Suspended', `${user} is suspended: their workspaces are stopped and none of them starts.`)]
  if (isZone(timezone)) return [ready('True', 'Handled', `${user} is active.`)]
  const message = `The zone "${timezone}" does not exist, UTC counts instead: write one such as Europe/Berlin.`
  return [ready('False', 'ScheduleInvalid', message), { type: 'Stalled', status: 'True', reason: 'ScheduleInvalid', message }]
}
