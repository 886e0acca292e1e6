import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { BY_HAND } from './environments.ts'
import { SNIPPETS, type Snippet } from './invalid-snippets.ts'
import { oracle } from './provider.ts'
import { openSide, REQUIRED, type Which } from './sides.ts'

/** What is wrong is wrong on both sides, at the same place and with the same meaning. */

const found = await oracle()
const skipped = 'missing' in found ? found.missing : null

interface Told {
  readonly stage: string
  readonly line: number
  readonly text: string
}

interface DiagnosticJson {
  readonly severity: string
  readonly summary: string
  readonly detail?: string
  readonly range?: { readonly filename: string; readonly start: { readonly line: number } }
}

const STAGES = ['validate', 'plan', 'apply'] as const
const ARGUMENTS: Readonly<Record<(typeof STAGES)[number], readonly string[]>> = {
  validate: ['validate', '-json'],
  plan: ['plan', '-input=false', '-json'],
  apply: ['apply', '-input=false', '-auto-approve', '-json'],
}

const writing =
  (snippets: readonly Snippet[]) =>
  async (folder: string): Promise<void> => {
    for (const { name, text } of snippets) {
      await mkdir(join(folder, name))
      await writeFile(join(folder, name, 'main.tf'), REQUIRED + text)
    }
    const calls = snippets.map(({ name }) => `module "${name}" {\n  source = "./${name}"\n}\n`)
    await writeFile(join(folder, 'main.tf'), [REQUIRED, ...calls].join('\n'))
  }

const FIRST_LINE = REQUIRED.split('\n').length

function diagnosticsIn(stage: string, output: string): readonly DiagnosticJson[] {
  if (stage === 'validate') {
    const { diagnostics }: { diagnostics: readonly DiagnosticJson[] } = JSON.parse(output)
    return diagnostics
  }
  const lines: readonly { type: string; diagnostic?: DiagnosticJson }[] = output
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  return lines.flatMap(({ diagnostic }) => diagnostic ?? [])
}

/** Whatever passes one stage goes on to the next: a mistake that one side sees at once another may see late. */
async function toldBy(which: Which, mirror: string): Promise<ReadonlyMap<string, readonly Told[]>> {
  const told = new Map<string, readonly Told[]>()
  for (const stage of STAGES) {
    const left = SNIPPETS.filter(({ name }) => !told.has(name))
    const side = await openSide(which, mirror, writing(left))
    try {
      await side.must('init')
      await side.as(BY_HAND)
      const { stdout, stderr } = await side.run(...ARGUMENTS[stage])
      if (stdout === '') throw new Error(`${which}: terraform ${stage} said nothing: ${stderr}`)
      for (const { severity, summary, detail = '', range } of diagnosticsIn(stage, stdout)) {
        const name = range?.filename.split('/')[0]
        if (severity !== 'error' || !range || name === undefined) continue
        const one: Told = { stage, line: range.start.line - FIRST_LINE + 1, text: `${summary}\n${detail}` }
        told.set(name, [...(told.get(name) ?? []), one])
      }
    } finally {
      await side.close()
    }
  }
  return told
}

/** What the reference lets pass, and why we do not. One that it refuses too has to go. */
const STRICTER: Readonly<Record<string, string>> = {
  'agent-monitoring-empty': 'its own check for this never fires: nothing would be watched, which nobody writes on purpose',
  'agent-metadata-interval': 'time does not run backwards',
  'parameter-styling': 'text that is no JSON styles nothing, and nobody would be told',
  'script-cron-word': 'agents run six fields and no words; an error says so, in place of a script that never runs',
  'script-cron-five': 'it reads five fields as seconds first and without a weekday: hourly, where whoever wrote it meant daily',
}

/** Where ours names another line. One that does not any more has to go. */
const AT_THE_DEFAULT = 'it is found while the default is judged, and the default is named; ours names the rule that is wrong'
const ELSEWHERE: Readonly<Record<string, string>> = {
  'parameter-min-of-text': AT_THE_DEFAULT,
  'parameter-regex-of-number': AT_THE_DEFAULT,
  'parameter-regex-no-error': AT_THE_DEFAULT,
  'parameter-monotonic': AT_THE_DEFAULT,
}

test.skipIf(skipped !== null)(`no two snippets have one name${skipped ? ` (skipped: ${skipped})` : ''}`, () => {
  expect(new Set(SNIPPETS.map(({ name }) => name)).size).toEqual(SNIPPETS.length)
  expect(SNIPPETS.length).toBeGreaterThanOrEqual(40)
})

describe.skipIf(skipped !== null)(`what is wrong${skipped ? ` (skipped: ${skipped})` : ''}`, async () => {
  if ('missing' in found) return
  const [reference, ours] = await Promise.all([toldBy('reference', found.mirror), toldBy('ours', found.mirror)])

  test.each(SNIPPETS.map((snippet) => [snippet.name, snippet] as const))('%s', (name, { text, about }) => {
    const theirs = reference.get(name) ?? []
    const mine = ours.get(name) ?? []
    const shown = { theirs, mine, text }
    if (name in STRICTER) {
      expect({ theirs, refused: mine.some((each) => about.test(each.text)) }).toEqual({ theirs: [], refused: true })
      return
    }
    expect(theirs.length, JSON.stringify(shown, null, 1)).toBeGreaterThan(0)
    expect(mine.length, JSON.stringify(shown, null, 1)).toBeGreaterThan(0)
    const said = { theirs: theirs.some((each) => about.test(each.text)), mine: mine.some((each) => about.test(each.text)) }
    expect(said, JSON.stringify(shown, null, 1)).toEqual({ theirs: true, mine: true })
    // The reference often names the whole block; whoever reads ours is told the line in it.
    const lines = new Set(theirs.map(({ line }) => line))
    const agrees = mine.some(({ line }) => lines.has(line)) || lines.has(1)
    expect(agrees || name in ELSEWHERE, JSON.stringify(shown, null, 1)).toEqual(true)
    if (name in ELSEWHERE) expect(agrees, `${name} agrees: ELSEWHERE need not name it`).toEqual(false)
  })
})
