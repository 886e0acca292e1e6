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
  readonly timings: () => readonly ResourceTiming[]
}

const KEPT_MAX = 10_000

/** Writes terraform's lines to the build's log under the stage they belong to. */
export function listen({ journal, progressed }: Work, applying: Stage): Heard {
  const failures: Failure[] = []
  const planned: Planned[] = []
  let progress = NO_PROGRESS
  const timings = createResourceTimings()
  const drifted = new Set<string>()
  journal.stage('Parsing')
  return {
    failures: () => failures,
    planned: () => planned,
    drifted: () => [...drifted].toSorted(),
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
      progressed()
    },
  }
}
