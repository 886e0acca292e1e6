import type { Instant } from '../../kernel/clock.ts'
import type { Reason } from '../../kernel/reasons.ts'
import type { PowerRequest } from './requests.ts'
import type { Seen } from './seen.ts'

export type Wanted = 'running' | 'stopped' | 'destroyed' | 'gone' | 'as it is'

/** What one rule says. */
export interface Opinion {
  readonly wants: Wanted
  readonly reason: Reason
  /** Why, as a sentence for people. */
  readonly message: string
  /** A start that is under way is cancelled for it. */
  readonly cancelsStart?: boolean
  /** The person's request behind it: nobody's permission is needed and no provisioner is waited for. */
  readonly request?: PowerRequest
  /** How long stop scripts may take at most. */
  readonly scriptsMs?: number
  /** It becomes dormant with this. */
  readonly fallsAsleep?: boolean
  /** A first try, whatever failed before. */
  readonly anew?: boolean
}

export type Rule = (seen: Seen, now: Instant) => Opinion | null
