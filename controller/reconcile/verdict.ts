import type { Instant } from '../kernel/clock.ts'
import type { Reason } from '../kernel/reasons.ts'

/** A condition as a person reads it. Times and generations are added by `status/write.ts`, the one writer. */
export interface Condition {
  readonly type: string
  readonly status: 'True' | 'False' | 'Unknown'
  readonly reason: Reason
  /** Plain English, deterministic, no clock times: the same situation always has the same text. */
  readonly message: string
}

export interface Verdict<Action> {
  /** What to do, as data; empty means settled. */
  readonly actions: readonly Action[]
  readonly conditions: readonly Condition[]
  /** Other fields of status, whole. */
  readonly status: Readonly<Record<string, unknown>>
  /** When to look again unasked; null: only a change wakes us. */
  readonly wakeAt: Instant | null
}

/** One link of the answer to "why": a rule that was asked, and what it said. */
export interface Explanation {
  readonly rule: string
  readonly opinion: string
  readonly decides: boolean
}

export interface Why {
  readonly kind: string
  readonly namespace: string
  readonly name: string
  /** One sentence: what it wants and what holds it. */
  readonly summary: string
  readonly wants: string
  readonly reason: Reason
  readonly holds: string
  readonly until: string | null
  readonly changes: string
  readonly rules: readonly Explanation[]
}
