import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import type { Variables } from '../../provider/launched-environment.ts'
import { differences, flat, flatState, named, type Difference } from './compare.ts'
import { GIVEN_UUIDS } from './environments.ts'
import type { Oracle } from './provider.ts'
import { openSide, rootOf, type Side } from './sides.ts'

/** One build by the reference and by us in the same environment: that both plan the same, and that both states say the same. */

export const CORPUS = join(import.meta.dirname, 'corpus')
export const NAMES = readdirSync(CORPUS).toSorted()

/** Where the two may differ, each with its reason. One that nothing needs any more has to go. */
export const KNOWN: readonly { readonly why: string; readonly is: (difference: Difference) => boolean }[] = [
  {
    why: 'ids of data sources: the reference makes a new one at each read, ours stay the same, so that nothing changes without a change',
    is: ({ path, reference }) => /(^|\.)data\.[^.]+\.[^.]+\.id$/.test(path) && reference !== undefined && reference.startsWith('"<'),
  },
  {
    why: 'a data source without a nested block: null in the reference, on which length() fails; an empty list here',
    is: ({ path, reference, ours }) => /\.(option|validation|prebuilds)$/.test(path) && reference === 'null' && ours === '[]',
  },
  {
    why: 'empty text in a data source: the reference’s kit takes it for nothing, we say what is written',
    is: ({ path, reference, ours }) => path.includes('data.coder_parameter.') && reference === 'null' && ours === '""',
  },
]

export const PLANNED: typeof KNOWN = [
  {
    why: 'what is left out in a nested block: the reference plans null and makes an empty value of it, which terraform calls inconsistent where something depends on it; ours is planned as it is made',
    is: ({ path, reference, ours = '' }) => /\[\d+\]\.[a-z_]+$/.test(path) && reference === 'null' && ['0', '""', 'false'].includes(ours),
  },
]

export const ACTIONS: typeof KNOWN = [
  {
    why: 'an agent that changes: the reference makes another, ours is changed where it is, so that whoever is connected stays so, and so is what belongs to it',
    is: ({ reference, ours = '' }) => reference === 'delete,create' && ['update', 'no-op'].includes(ours),
  },
]

const used = new Set<string>()

/** Those of a list that nothing has needed. */
export const unneeded = (listed: typeof KNOWN): readonly string[] => listed.map(({ why }) => why).filter((why) => !used.has(why))

const unexpected = (all: readonly Difference[], listed: typeof KNOWN): readonly Difference[] =>
  all.filter((difference) => {
    const known = listed.find(({ is }) => is(difference))
    if (known) used.add(known.why)
    return !known
  })

interface PlanJson {
  readonly resource_changes?: readonly {
    readonly address: string
    readonly change: { readonly actions: readonly string[]; readonly after: unknown; readonly after_unknown: unknown }
  }[]
}

/** In a list an unknown item is null and told of beside it. */
function known(address: string, { after, after_unknown }: { readonly after: unknown; readonly after_unknown: unknown }) {
  const unknown = new Set(flat(after_unknown, address).flatMap(([path, value]) => (value === 'true' ? [path] : [])))
  return flat(after, address).filter(([path]) => !unknown.has(path))
}

/** What a plan would do, and every value that it knows. What only one of the two knows already is compared once it is made. */
function flatPlan(text: string): { readonly actions: ReadonlyMap<string, string>; readonly values: ReadonlyMap<string, string> } {
  const { resource_changes = [] }: PlanJson = JSON.parse(text)
  const changes = resource_changes.filter(({ address }) => !/(^|\.)data\./.test(address))
  return {
    actions: new Map(changes.map(({ address, change }) => [address, change.actions.join()])),
    values: named(
      changes.flatMap(({ address, change }) => known(address, change)),
      GIVEN_UUIDS,
    ),
  }
}

interface Seen {
  readonly plan: ReturnType<typeof flatPlan>
  readonly state: ReturnType<typeof flatState>
}

async function build(side: Side, variables: Variables, destroy: boolean): Promise<Seen> {
  await side.as(variables)
  await side.must('plan', '-input=false', '-out=plan', ...(destroy ? ['-destroy'] : []))
  const plan = flatPlan(await side.must('show', '-json', 'plan'))
  await side.must('apply', '-input=false', 'plan')
  return { plan, state: flatState(await side.stateText(), GIVEN_UUIDS) }
}

const only = (map: ReadonlyMap<string, string>, keys: ReadonlyMap<string, string>) => new Map([...map].filter(([key]) => keys.has(key)))

/** All templates are modules of one root, so that one run of terraform does for all. */
export async function sidesOf(found: Oracle, names: readonly string[]): Promise<readonly [Side, Side]> {
  if ('missing' in found) throw new Error(found.missing)
  const sides = await Promise.all([
    openSide('reference', found.mirror, rootOf(CORPUS, names)),
    openSide('ours', found.mirror, rootOf(CORPUS, names)),
  ])
  await Promise.all(sides.map((side) => side.must('init')))
  return sides
}

/** Answers how much there was to agree about. */
export async function agree([reference, ours]: readonly [Side, Side], variables: Variables, destroy = false): Promise<number> {
  const [theirs, mine] = await Promise.all([build(reference, variables, destroy), build(ours, variables, destroy)])
  expect(unexpected(differences(theirs.plan.actions, mine.plan.actions), ACTIONS)).toEqual([])
  const planned = differences(only(theirs.plan.values, mine.plan.values), only(mine.plan.values, theirs.plan.values))
  expect(unexpected(planned, PLANNED)).toEqual([])
  expect(unexpected(differences(theirs.state, mine.state), KNOWN)).toEqual([])
  return theirs.state.size
}
