import type { Verdict } from '../verdict.ts'

export interface Seen {
  readonly user: string
  readonly suspended: boolean
}

/** Nothing is done to an owner: workspaces look at it. */
export function decide({ user, suspended }: Seen): Verdict<never> {
  const message = suspended ? `${user} is suspended: their workspaces are stopped and none of them starts.` : `${user} is active.`
  const ready = { type: 'Ready', status: suspended ? 'False' : 'True', reason: suspended ? 'Suspended' : 'Handled', message } as const
  return { actions: [], conditions: [ready], status: {}, wakeAt: null }
}
