import type { Cluster } from '../cluster/port.ts'
import { splitKey } from '../kernel/names.ts'
import type { Outcome } from './pass.ts'
import { problemText, shown, type Problem } from './problem.ts'
import type { Stored } from './stored.ts'

interface TellerPorts {
  readonly cluster: Cluster
  say(line: string): void
}

/** Says each thing once: when it happens, and when it is over. */
export function createTeller({ cluster, say }: TellerPorts): (outcome: Outcome) => Promise<void> {
  let first = true
  let before: ReadonlyMap<string, Problem> = new Map()
  let prunedNothing: string | null = null
  return async (outcome) => {
    const problems = new Map(outcome.problems.map((problem) => [problemText(problem), problem]))
    const fresh = [...problems].filter(([text]) => !before.has(text))
    for (const line of outcome.changes) say(line)
    for (const [text] of fresh) say(text)
    for (const path of noLongerWrong(before, problems)) say(`${path}: mended`)
    if (outcome.prunesNothing !== prunedNothing && outcome.prunesNothing !== null && outcome.left > 0) {
      say(`${outcome.prunesNothing}: nothing is removed, ${counted(outcome.left, 'object')} it declared before stay as they are`)
    }
    if (first) for (const line of leftByOthers(outcome.others)) say(line)
    before = problems
    prunedNothing = outcome.prunesNothing
    first = false
    for (const [text, problem] of fresh) await tellObject(cluster, problem, text)
  }
}

function noLongerWrong(before: ReadonlyMap<string, Problem>, now: ReadonlyMap<string, Problem>): ReadonlySet<string> {
  const wrong = new Set([...now.values()].map(({ path }) => path))
  return new Set([...before.values()].map(({ path }) => path).filter((path) => !wrong.has(path)))
}

/** An object that is declared twice is fine itself, so the second declaration is an event and no condition. */
async function tellObject(cluster: Cluster, { reason, about }: Problem, note: string): Promise<void> {
  if (about === undefined) return
  const { kind, namespace, name } = splitKey(about)
  await cluster.emit({ regarding: { kind, namespace, name }, type: 'Warning', reason, action: 'Declare', note })
}

/** Objects of a folder that is no longer given are nobody's to remove. */
function leftByOthers(others: readonly Stored[]): readonly string[] {
  const bySource = Map.groupBy(
    others.filter(({ declaredBy }) => declaredBy.source.startsWith('folder:')),
    ({ declaredBy }) => declaredBy.source.slice('folder:'.length),
  )
  return [...bySource].map(
    ([folder, objects]) =>
      `${counted(objects.length, 'object')} declared by ${folder}, which is not given now, are left as they are: ${named(objects)}`,
  )
}

const NAMED_MAX = 10
const named = (objects: readonly Stored[]): string =>
  objects
    .slice(0, NAMED_MAX)
    .map(({ key }) => shown(key))
    .join(', ') + (objects.length > NAMED_MAX ? ', …' : '')

const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`
