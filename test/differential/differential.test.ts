import { afterAll, describe, expect, test } from 'vitest'
import { KINDS } from '../../crds/kinds.ts'
import { noCluster, noControllers, theCluster } from '../support/cluster.ts'
import { withDatabase } from '../support/postgres.ts'
import { AGREED } from './agreed.ts'
import { CORPUS } from './corpus/index.ts'
import { rulesIn } from './corpus/rules.ts'
import { differencesOf, type Disagreement } from './harness/compare.ts'
import { readRecorded, writeRecorded, type Recorded } from './harness/recorded.ts'
import { play, type Answer, type Answers } from './harness/run.ts'
import { realServer, standaloneServer, type Server } from './harness/server.ts'

/** One corpus, two servers. What the real one answered is kept, so that standalone is measured where no real one can run. */

const THEMES = Object.keys(CORPUS)
const LIMIT = { timeout: 240_000 }
/** `npm run record`: writes what the real server answers now. */
const isRecording = process.env['MODE'] === 'record'
const used = new Set<string>()

async function playAll(server: Server, theme: string): Promise<Recorded> {
  const all: [string, Answers][] = []
  for (const scenario of CORPUS[theme] ?? []) all.push([scenario.name, await play(server, scenario)])
  return Object.fromEntries(all)
}

/** Everything about which the two differ. */
const between = (theirs: Recorded, ours: Recorded): readonly Disagreement[] =>
  Object.entries(ours).flatMap(([scenario, answers]) =>
    Object.entries(answers).flatMap(([step, mine]) => {
      const real = theirs[scenario]?.[step] ?? UNANSWERED
      const differences = differencesOf(real, mine)
      return differences.length === 0 ? [] : [{ scenario, step, real, ours: mine, differences }]
    }),
  )

const UNANSWERED: Answer = { code: 0 }

/** As they are read by whoever has to put it right. */
const shown = ({ scenario, step, differences }: Disagreement) => ({ at: `${scenario} / ${step}`, differences })

const notAgreed = (all: readonly Disagreement[]): readonly Disagreement[] =>
  all.filter((each) => {
    const agreed = AGREED.find(({ is }) => is(each))
    if (agreed) used.add(agreed.why)
    return !agreed
  })

test('the corpus asks every step under a name of its own, and tries every rule', () => {
  const scenarios = Object.values(CORPUS).flat()
  const steps = scenarios.flatMap((scenario) => scenario.steps)
  for (const { name, steps: own } of scenarios) expect([name, new Set(own.map(({ does }) => does)).size]).toEqual([name, own.length])
  expect(new Set(scenarios.map(({ name }) => name)).size).toBe(scenarios.length)
  expect(steps.length).toBeGreaterThan(250)
  const rules = KINDS.filter(({ group }) => group === 'bothy.dev').flatMap(({ kind, openApi }) => rulesIn(kind, openApi))
  expect([...new Set(steps.flatMap(({ rule }) => rule ?? []))].toSorted()).toEqual([...new Set(rules)].toSorted())
})

describe.skipIf(isRecording)('standalone answers as the real server did', async () => {
  const { db } = await withDatabase()
  const server = await standaloneServer(db)
  afterAll(() => server.close())

  test.for(THEMES)('%s', LIMIT, async (theme) => {
    const real = readRecorded(theme)
    const ours = await playAll(server, theme)
    expect(Object.values(real).map((answers) => Object.keys(answers))).toEqual(Object.values(ours).map((answers) => Object.keys(answers)))
    expect(notAgreed(between(real, ours)).map(shown)).toEqual([])
  })

  test('every difference that is agreed is still one', () => {
    expect(AGREED.map(({ why }) => why).filter((why) => !used.has(why))).toEqual([])
  })
})

test('every rule was accepted once and refused once by the real server', () => {
  const verdicts = new Map<string, Set<boolean>>()
  for (const [theme, scenarios] of Object.entries(CORPUS)) {
    const recorded = readRecorded(theme)
    for (const { name, steps } of scenarios) {
      for (const { rule, does } of steps) {
        const code = recorded[name]?.[does]?.code
        if (rule && code !== undefined) verdicts.set(rule, (verdicts.get(rule) ?? new Set()).add(code < 300))
      }
    }
  }
  expect([...verdicts].filter(([, seen]) => seen.size !== 2).map(([rule, seen]) => [rule, [...seen]])).toEqual([])
})

describe.skipIf(noCluster !== null)(`the real server answers as it did${noCluster ? ` (skipped: ${noCluster})` : ''}`, () => {
  // What becomes of dependents is not done by the API server itself.
  test.for(noControllers === null ? THEMES : THEMES.filter((theme) => theme !== 'remove'))('%s', LIMIT, async (theme) => {
    const answers = await playAll(realServer((await theCluster()).kubeconfig), theme)
    if (isRecording) writeRecorded(theme, answers)
    expect(between(readRecorded(theme), answers).map(shown)).toEqual([])
  })
})
