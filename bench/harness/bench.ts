import { systemClock } from '../../controller/kernel/clock.ts'
import type { Line } from './line.ts'

/** One number of bench/, or a few that come from the same setting. */
export interface Bench {
  readonly name: string
  /** What it measures, in a sentence. */
  readonly about: string
  measure(asked: Asked): Promise<readonly Line[]>
}

export interface Asked {
  /** As few rounds as show that it works: the figures mean nothing. */
  readonly quick: boolean
  /** Ten times the objects, and as long as is promised. */
  readonly many: boolean
  say(line: string): void
}

/** Runs both sides in turn, the first of a round being now one and now the other; the first round is thrown away. */
export async function paired<Ours, Theirs>(
  asked: Asked,
  rounds: number,
  ours: (round: number) => Promise<Ours>,
  theirs: (round: number) => Promise<Theirs>,
): Promise<{ readonly ours: readonly Ours[]; readonly theirs: readonly Theirs[] }> {
  return inTurns(asked, rounds, { ours, theirs })
}

type Sides = Readonly<Record<string, (round: number) => Promise<unknown>>>
type Found<S extends Sides> = { readonly [Name in keyof S]: readonly Awaited<ReturnType<S[Name]>>[] }

/** Runs every side once a round, each round beginning with another one; the first round is thrown away. */
export async function inTurns<S extends Sides>({ say }: Asked, rounds: number, sides: S): Promise<Found<S>> {
  const names = Object.keys(sides)
  const found: Record<string, unknown[]> = Object.fromEntries(names.map((name) => [name, []]))
  for (let round = 0; round <= rounds; round += 1) {
    say(round === 0 ? 'warming up' : `round ${round} of ${rounds}`)
    for (const [i] of names.entries()) {
      const name = names[(i + round) % names.length] ?? ''
      const value = await sides[name]?.(round)
      if (round > 0) found[name]?.push(value)
    }
  }
  return found as Found<S>
}

/** How long it took, in milliseconds. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedAt = systemClock.elapsedMs()
  await work()
  return systemClock.elapsedMs() - startedAt
}
