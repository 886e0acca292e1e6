import { isOurs, typeIn } from '../kernel/addresses.ts'
import type { Work } from './job.ts'
import type { Stage } from './journal.ts'
import type { ResourceTiming } from '../store/records.ts'
import { hear, NO_PROGRESS, type Failure, type Said } from './output.ts'
import { createResourceTimings } from './resource-timings.ts'

type Planned = NonNullable<Said['planned']>

/** What was heard of one terraform run, beside what went to the log. */
export interface Heard {
  readonly onLine: (line: string) => void
  readonly failures: () => readonly Failure[]
  readonly planned: () => readonly Planned[]
  readonly drifted: () => readonly string[]
  /** Addresses of what it began to make with providers of other people. */
  readonly begun: () => readonly string[]
  readonly timings: () => readonly ResourceTiming[]
}

const KEPT_MAX = 10_000

const MAKES: ReadonlySet<string> = new Set(['create', 'replace'])

/** What of another's provider is, or will be, made. */
const madeElsewhere = (work: { readonly address: string; readonly action: string } | null): string | null =>
  work && MAKES.has(work.action) && !isOurs(typeIn(work.address)) ? work.address : null

/** Writes terraform's lines to the build's log under the stage they belong to. `tell`: told of what will be made with providers of other people. */
export function listen({ journal, progressed }: Work, applying: Stage, tell: (address: string) => void = () => {}): Heard {
  const failures: Failure[] = []
  const planned: Planned[] = []
  let progress = NO_PROGRESS
  const timings = createResourceTimings()
  const drifted = new Set<string>()
  const begun = new Set<string>()
  journal.stage('Parsing')
  return {
    failures: () => failures,
    planned: () => planned,
    drifted: () => [...drifted].toSorted(),
    begun: () => [...begun],
    timings: timings.list,
    onLine(line) {
      const heard = hear(line, progress)
      progress = heard.progress
      const { said } = heard
      if (said.phase) journal.stage(said.phase === 'applying' ? applying : 'Planning')
      for (const row of said.rows) journal.write(row.level, row.text)
      if (said.failure && failures.length < KEPT_MAX) failures.push(said.failure)
      if (said.planned && planned.length < KEPT_MAX) planned.push(said.planned)
      if (said.drifted !== null && drifted.size < KEPT_MAX) drifted.add(said.drifted)
      if (said.work) timings.hear(said.work)
      const making = madeElsewhere(said.work)
      if (making !== null && begun.size < KEPT_MAX) begun.add(making)
      // A plan that was made before is not told of again: then its beginning is the first that is heard of a resource.
      const made = making ?? madeElsewhere(said.planned)
      if (made !== null) tell(made)
      progressed()
    },
  }
}
