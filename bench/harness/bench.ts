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
  { say }: Asked,
  rounds: number,
  ours: (round: number) => Promise<Ours>,
  theirs: (round: number) => Promise<Theirs>,
): Promise<{ readonly ours: readonly Ours[]; readonly theirs: readonly Theirs[] }> {
  const found: { ours: Ours; theirs: Theirs }[] = []
  for (let round = 0; round <= rounds; round += 1) {
    say(round === 0 ? 'warming up' : `round ${round} of ${rounds}`)
    found.push(
      round % 2 === 0
        ? { ours: await ours(round), theirs: await theirs(round) }
        : await theirs(round).then(async (first) => ({ theirs: first, ours: await ours(round) })),
    )
  }
  const kept = found.slice(1)
  return { ours: kept.map((each) => each.ours), theirs: kept.map((each) => each.theirs) }
}

/** How long it took, in milliseconds. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedAt = systemClock.elapsedMs()
  await work()
  return systemClock.elapsedMs() - startedAt
}
