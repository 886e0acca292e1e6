import { within, type Clock } from './kernel/clock.ts'
import { messageOf } from './kernel/errors.ts'
import type { Log } from './kernel/log.ts'

/** One thing to close. */
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

/**
 * The order in which a control plane closes: no new work, nobody sent here, no more callers, agents told to come back elsewhere, builds finished
 * (as long as a build may take), and the database last, because everything before still writes.
 */
export const SHUTDOWN_ORDER = [
  ['source', 500],
  ['work', 1000],
  ['address', 2000],
  ['http', 500],
  ['apps', 200],
  ['agents', 500],
  ['provisioner', 35 * 60_000],
  ['watches', 100],
  ['objects', 500],
  ['tokens', 200],
  ['connection to the cluster', 200],
  ['connections to the database', 1000],
  ['database', 5000],
] as const satisfies readonly (readonly [string, number])[]

export type StepName = (typeof SHUTDOWN_ORDER)[number][0]

/** Collects what is to be closed while it is being opened. */
export interface Closers {
  add(name: StepName, close: Step['close']): void
  /** In the order of the table, whatever the order of opening was. What was never opened is left out, and nothing closes twice. */
  steps(): readonly Step[]
}

export function createClosers(): Closers {
  const closers = new Map<StepName, Step['close']>()
  return {
    add(name, close) {
      let closed: Promise<void> | null = null
      closers.set(name, () => (closed ??= Promise.resolve(close())))
    },
    steps: () =>
      SHUTDOWN_ORDER.flatMap(([name, limitMs]) => {
        const close = closers.get(name)
        return close ? [{ name, limitMs, close }] : []
      }),
  }
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
