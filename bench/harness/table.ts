import type { Judged, Unit } from './line.ts'

const HEADINGS = ['what', 'n', 'p50', 'p10 … p90', 'beside', 'ratio', 'reach', 'reached'] as const

/** What was measured, for people. */
export function tableOf(lines: readonly Judged[]): string[] {
  const rows = [HEADINGS, ...lines.map(cellsOf)]
  const widths = HEADINGS.map((_, column) => Math.max(...rows.map((row) => [...(row[column] ?? '')].length)))
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  )
}

function cellsOf(line: Judged): string[] {
  const { what, unit, n, p50, p10, p90, p99, beside, ratio, reach, reached } = line
  const spread = n < 2 ? '' : `${plain(p10)} … ${plain(p90)}${n >= 50 ? `, p99 ${plain(p99)}` : ''}`
  return [
    what,
    String(n),
    withUnit(p50, unit),
    spread,
    beside ? `${beside.what}: ${withUnit(beside.p50, unit)}` : '',
    ratio === null ? '' : ratio.toFixed(2),
    reach ?? '',
    reached === null ? '' : reached ? 'yes' : 'NO',
  ]
}

const withUnit = (value: number, unit: Unit): string =>
  unit === '' || unit === '/s' ? `${plain(value)}${unit}` : `${plain(value)} ${unit}`

const plain = (value: number): string =>
  Math.abs(value) >= 100 || Number.isInteger(value) ? value.toFixed(0) : value.toFixed(value < 10 ? 2 : 1)
