import { within, type Clock } from './kernel/clock.ts'
import { messageOf } from './kernel/errors.ts'
import type { Log } from './kernel/log.ts'

/** One thing to close. Closing twice must be harmless. */
export interface Step {
  readonly name: string
  /** After this long the next step begins all the same: nothing may keep the database from closing. */
  readonly limitMs: number
  close(): Promise<void> | void
}

export interface StepOutcome {
  readonly name: string
  readonly ms: number
  readonly error: string | null
}

/** Closes everything in the order given, each within its limit, whatever the others did. */
export async function closeInOrder(steps: readonly Step[], clock: Clock, log: Log): Promise<readonly StepOutcome[]> {
  const outcomes: StepOutcome[] = []
  for (const step of steps) {
    const startedAt = clock.elapsedMs()
    const error = await closing(step, clock)
    const outcome = { name: step.name, ms: Math.round(clock.elapsedMs() - startedAt), error }
    outcomes.push(outcome)
    log[error ? 'warn' : 'debug']('closed', { ...outcome })
  }
  return outcomes
}

async function closing(step: Step, clock: Clock): Promise<string | null> {
  try {
    await within(clock, step.limitMs, Promise.resolve(step.close()), () => new Error(`not closed within ${step.limitMs} ms`))
    return null
  } catch (error) {
    return messageOf(error)
  }
}
