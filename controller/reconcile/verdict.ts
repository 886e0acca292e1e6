import type { Instant } from '../kernel/clock.ts'
import type { Reason } from '../kernel/reasons.ts'
import type { GivenCondition } from '../status/conditions.ts'

export interface Verdict<Action> {
  /** What to do, as data; empty means settled. */
  readonly actions: readonly Action[]
  readonly conditions: readonly GivenCondition[]
  /** Other fields of status, whole. */
  readonly status: Readonly<Record<string, unknown>>
  /** The same without what is not worth a write of its own: where it stands already, nothing is written. */
  readonly unhurried?: Readonly<Record<string, unknown>>
  /**
   * All that it does is seen by the look that follows at once, and told by that one: its own status would be read by nobody.
   * Absent: what it did is known by its status alone.
   */
  readonly passing?: boolean
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

/** A rule's name is a sentence: `machineIsLost` → `machine is lost`. */
export const sentenceOf = (ruleName: string): string => ruleName.replace(/([A-Z])/g, ' $1').toLowerCase()

/** What somebody else wrote, with an end to it, so that another sentence can follow. */
export function ended(text: string): string {
  const trimmed = text.trim()
  return /[.!?…]$/.test(trimmed) ? trimmed : `${trimmed}.`
}
