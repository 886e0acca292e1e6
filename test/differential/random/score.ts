import { compared, type Verdict } from './verdict.ts'

/** What two servers made of one document. */
export interface Asked {
  readonly what: string
  readonly text: string
  readonly old: unknown
  readonly real: Verdict
  readonly ours: Verdict
}

export interface Shares {
  /** Of all: the same code. Of what both accept every object must be the same, whatever else is allowed. */
  readonly verdicts: number
  /** Of what both refuse: every cause the same, word for word. */
  readonly causes: number
}

/** Nothing, or what is too different, with a few examples that can be asked again. */
export function scoreOf(all: readonly Asked[], { verdicts, causes }: Shares): readonly unknown[] {
  const judged = all.map((asked) => ({ asked, same: compared(asked.real, asked.ours) }))
  const others = judged.filter(({ same }) => !same.verdict)
  const both = judged.filter(({ same }) => same.verdict)
  const objects = both.filter(({ asked, same }) => asked.real.code < 300 && !(same.object && same.warnings))
  const refusals = both.filter(({ asked }) => asked.real.code >= 300)
  const worded = refusals.filter(({ same }) => !same.causes)
  const wrong = [
    ...(others.length > all.length * (1 - verdicts) ? others : []),
    ...objects,
    ...(worded.length > Math.max(WORDED_MIN, refusals.length * (1 - causes)) ? worded : []),
  ]
  const counts = `${all.length} asked: ${others.length} other verdicts, ${objects.length} other objects, ${worded.length} other causes`
  return wrong.length === 0 ? [] : [counts, ...wrong.slice(0, EXAMPLES).map(({ asked }) => shown(asked))]
}

const EXAMPLES = 3
/** The real server does not always choose the same of two reasons: in a small sample that may be a few. */
const WORDED_MIN = 3

const shown = ({ what, text, old, real, ours }: Asked): object => ({ what, text: text.slice(0, 2000), old, real, ours })
