import { within, type Clock } from '../controller/kernel/clock.ts'
import { problem } from './schema/rules.ts'
import type { Diagnostic } from './schema/model.ts'
import type { Host } from './port.ts'

/** What one terraform connection remembers: there is one for each provider block and each walk through the template. */
export interface Session {
  readonly host: Host
  readonly build: Build
  /** Machines that this walk has planned, as `new NAME` and `kept NAME`. */
  readonly planned: Set<string>
  /** Aborts when terraform asks the provider to stop, or goes away. */
  readonly stopping: AbortController
  /** Set when the provider block gives one of its own. */
  accessUrl: string
}

/** What is common to every connection of one build. */
export interface Build {
  readonly clock: Clock
  /** Names of machines that exist, as far as this build has seen. */
  readonly held: Set<string>
}

export const openSession = (host: Host, build: Build): Session => ({
  host,
  build,
  planned: new Set(),
  stopping: new AbortController(),
  accessUrl: host.identity.accessUrl,
})

/** Thrown by a hand that cannot do what is asked; the diagnostics are what people read. */
export class Wrong extends Error {
  override readonly name = 'Wrong'
  readonly diagnostics: readonly Diagnostic[]
  constructor(...diagnostics: readonly Diagnostic[]) {
    super(diagnostics.map(({ summary, detail }) => `${summary}: ${detail}`).join('; '))
    this.diagnostics = diagnostics
  }
}

const ANSWER_LIMIT_MS = 60_000

const stopped = () => new Wrong(problem([], 'Canceled', 'The build was canceled before this was done.'))
const late = () => new Wrong(problem([], 'No answer', 'The control plane did not record this in time, so it was not done.'))

/** Waits for `work` unless terraform asks to stop. Only for what comes before anything is made: nothing half made is left alone. */
export async function unlessStopping<T>({ stopping: { signal }, build: { clock } }: Session, work: () => Promise<T>): Promise<T> {
  if (signal.aborted) throw stopped()
  const over = new AbortController()
  const asked = new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(stopped()), { signal: over.signal }))
  try {
    return await Promise.race([within(clock, ANSWER_LIMIT_MS, work(), late), asked])
  } finally {
    over.abort()
  }
}
