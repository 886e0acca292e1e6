import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Answer, Answers } from './run.ts'

/** What the real server answered, a file a theme and a line an answer, so that a change of one is a change of one line. */

const FOLDER = join(import.meta.dirname, '..', 'recorded')

export type Recorded = Readonly<Record<string, Answers>>

export function readRecorded(theme: string): Recorded {
  const file = join(FOLDER, `${theme}.json`)
  if (!existsSync(file)) return {}
  const value: Recorded = JSON.parse(readFileSync(file, 'utf8'))
  return value
}

export function writeRecorded(theme: string, recorded: Recorded): void {
  const lines = Object.entries(recorded).map(([scenario, answers]) => {
    const each = Object.entries(answers).map(([step, answer]: [string, Answer]) => `  ${JSON.stringify(step)}: ${JSON.stringify(answer)}`)
    return `${JSON.stringify(scenario)}: {\n${each.join(',\n')}\n}`
  })
  writeFileSync(join(FOLDER, `${theme}.json`), `{\n${lines.join(',\n')}\n}\n`)
}
