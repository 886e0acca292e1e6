/** One number, as measured: ours, what it stands beside, and what we set out to reach. Everything here is arithmetic. */
export interface Line {
  readonly what: string
  readonly unit: Unit
  readonly values: readonly number[]
  /** The floor (nobody can be faster) or the rival (what people would use instead), measured in the same rounds. */
  readonly beside?: { readonly what: string; readonly values: readonly number[] }
  readonly reach?: readonly Reach[]
}

export type Unit = 'ms' | 's' | '/s' | 'MB' | 'MB/s' | ''

export interface Reach {
  readonly of: 'p50' | 'p99' | 'max' | 'ratio'
  readonly most?: number
  readonly least?: number
}

export interface Judged {
  readonly what: string
  readonly unit: Unit
  readonly n: number
  readonly p50: number
  readonly p10: number
  readonly p90: number
  readonly p99: number
  readonly max: number
  readonly beside: { readonly what: string; readonly p50: number } | null
  readonly ratio: number | null
  /** What is to be reached, as text; null where nothing is. */
  readonly reach: string | null
  readonly reached: boolean | null
}

export function judge({ what, unit, values, beside, reach = [] }: Line): Judged {
  const at = (share: number) => quantile(values, share)
  const figures = { p50: at(0.5), p10: at(0.1), p90: at(0.9), p99: at(0.99), max: at(1) }
  const ratio = beside ? ratioOf(values, beside.values) : null
  return {
    what,
    unit,
    n: values.length,
    ...figures,
    beside: beside ? { what: beside.what, p50: quantile(beside.values, 0.5) } : null,
    ratio,
    reach: reach.length > 0 ? reach.map((each) => reachText(each, unit)).join(', ') : null,
    reached: reach.length > 0 ? reach.every((each) => holds(each, each.of === 'ratio' ? (ratio ?? Number.NaN) : figures[each.of])) : null,
  }
}

/** Round by round where both were measured in the same rounds: what disturbs a machine for a while then disturbs both. */
function ratioOf(ours: readonly number[], theirs: readonly number[]): number {
  if (ours.length !== theirs.length) return quantile(ours, 0.5) / quantile(theirs, 0.5)
  return quantile(
    ours.map((value, i) => value / (theirs[i] ?? Number.NaN)),
    0.5,
  )
}

export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  const place = (sorted.length - 1) * share
  const below = sorted[Math.floor(place)] ?? Number.NaN
  const above = sorted[Math.ceil(place)] ?? Number.NaN
  return below + (above - below) * (place - Math.floor(place))
}

const holds = ({ most, least }: Reach, figure: number): boolean =>
  !Number.isNaN(figure) && (most === undefined || figure <= most) && (least === undefined || figure >= least)

function reachText({ of, most, least }: Reach, unit: Unit): string {
  const name = of === 'ratio' ? 'ratio ' : of === 'p50' ? '' : `${of} `
  const bound = most === undefined ? `≥ ${least}` : `≤ ${most}`
  return `${name}${bound}${of === 'ratio' || unit === '' ? '' : ` ${unit}`}`
}
