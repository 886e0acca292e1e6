/** Schedules as cron writes them: which numbers each field allows. */

interface FieldRange {
  readonly min: number
  readonly max: number
  readonly names?: readonly string[]
}

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']
const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat']

const MINUTES: FieldRange = { min: 0, max: 59 }
const FIVE: readonly FieldRange[] = [
  MINUTES,
  { min: 0, max: 23 },
  { min: 1, max: 31 },
  { min: 1, max: 12, names: MONTHS },
  // Sunday is 0, and 7 too.
  { min: 0, max: 7, names: DAYS },
]
const SIX: readonly FieldRange[] = [{ min: 0, max: 59 }, ...FIVE]

const PART = /^(?:(\*|\?)|([0-9a-z]+)(?:-([0-9a-z]+))?)(?:\/(\d+))?$/i

/** The numbers of each field, first field first; null where the text is no schedule of that many fields. */
export function parseCron(text: string, fields: 5 | 6): readonly ReadonlySet<number>[] | null {
  const parts = text.trim().split(/\s+/)
  const ranges = fields === 5 ? FIVE : SIX
  if (parts.length !== fields) return null
  const parsed = ranges.map((range, i) => parseField(parts[i] ?? '', range))
  return parsed.every((each) => each !== null) ? parsed : null
}

function parseField(text: string, range: FieldRange): ReadonlySet<number> | null {
  const allowed = new Set<number>()
  for (const part of text.split(',')) {
    const [, any, first, last, step = '1'] = PART.exec(part) ?? []
    const from = any ? range.min : numberIn(first, range)
    const to = any || (last === undefined && part.includes('/')) ? range.max : last === undefined ? from : numberIn(last, range)
    if (from === null || to === null || from > to || Number(step) < 1) return null
    for (let value = from; value <= to; value += Number(step)) allowed.add(value)
  }
  return allowed
}

function numberIn(text: string | undefined, { min, max, names }: FieldRange): number | null {
  if (text === undefined) return null
  const named = names?.indexOf(text.toLowerCase().slice(0, 3)) ?? -1
  if (named >= 0 && /^[a-z]{3,}$/i.test(text)) return named + (names === MONTHS ? 1 : 0)
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN
  return value >= min && value <= max ? value : null
}

const numbersBetween = (min: number, max: number): readonly number[] => Array.from({ length: max - min + 1 }, (_, i) => min + i)

/** Whether there is an hour of some day that both schedules (of five fields) name. */
export function overlap(a: string, b: string): boolean {
  const one = parseCron(a, 5)
  const other = parseCron(b, 5)
  if (!one || !other) return false
  const common = (i: number) => [...(one[i] ?? [])].some((value) => other[i]?.has(value))
  const days = numbersBetween(1, 31).some((day) =>
    numbersBetween(0, 6).some((weekday) => names(a, one, day, weekday) && names(b, other, day, weekday)),
  )
  return common(1) && common(3) && days
}

const isAny = (field: string): boolean => field === '*' || field === '?'

/** A day is named by either field where both are given, as cron has always done it. */
function names(text: string, fields: readonly ReadonlySet<number>[], day: number, weekday: number): boolean {
  const [, , dayText = '', , weekdayText = ''] = text.trim().split(/\s+/)
  const onDay = fields[2]?.has(day) ?? false
  const onWeekday = (fields[4]?.has(weekday) || (weekday === 0 && fields[4]?.has(7))) ?? false
  return isAny(dayText) ? onWeekday : isAny(weekdayText) ? onDay : onDay || onWeekday
}
