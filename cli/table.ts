import type { Instant } from '../controller/kernel/clock.ts'
import { cellFor, withName, type Column } from '../crds/columns.ts'
import type { Kind } from '../crds/kinds.ts'
import { textOf } from './json.ts'
import type { ApiObject } from './objects.ts'

/** Tables: the printer columns of a kind, as kubectl prints them, in no more columns than there are. */

export interface Heading {
  readonly name: string
  /** Names are never cut: somebody copies them. */
  readonly whole?: boolean
}

const GAP = '  '
const CELL_LEAST = 4

export function tableLines(headings: readonly Heading[], rows: readonly (readonly string[])[], width: number): string[] {
  const widths = fitted(headings, rows, width)
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, i) => cut(cell, widths[i] ?? 0).padEnd(widths[i] ?? 0))
      .join(GAP)
      .trimEnd()
  return [line(headings.map(({ name }) => name)), ...rows.map(line)]
}

/** The widest column that may be cut gives way until all fit: first down to its heading, and only then further. */
function fitted(headings: readonly Heading[], rows: readonly (readonly string[])[], width: number): number[] {
  const widths = headings.map(({ name }, i) => Math.max(name.length, ...rows.map((row) => (row[i] ?? '').length)))
  const total = () => widths.reduce((sum, each) => sum + each, GAP.length * (widths.length - 1))
  for (const floor of [({ name }: Heading) => name.length, () => CELL_LEAST]) {
    while (total() > width) {
      const widest = widestAbove(headings, widths, floor)
      if (widest === null) break
      widths[widest] = (widths[widest] ?? 0) - 1
    }
  }
  return widths
}

function widestAbove(headings: readonly Heading[], widths: readonly number[], floor: (heading: Heading) => number): number | null {
  const open = headings.flatMap((heading, i) => (heading.whole !== true && (widths[i] ?? 0) > floor(heading) ? [i] : []))
  return open.reduce<number | null>((best, i) => (best === null || (widths[i] ?? 0) > (widths[best] ?? 0) ? i : best), null)
}

const cut = (text: string, width: number): string => (text.length > width ? `${text.slice(0, Math.max(0, width - 1))}…` : text)

/** Line ends and escape codes in a message must not break the table or the terminal. */
// oxlint-disable-next-line no-control-regex -- control characters are exactly what is taken out
const oneLine = (text: string): string => text.replaceAll(/[\u0000-\u001f\u007f-\u009f]+/g, ' ').trim()

export function headingsOf(kind: Kind, columns: readonly Column[], withNamespace: boolean): Heading[] {
  const own = columns.map(({ name, format }) => ({ name: name.toUpperCase(), whole: format === 'name' }))
  return withNamespace && kind.namespaced ? [{ name: 'NAMESPACE', whole: true }, ...own] : own
}

export function rowOf(object: ApiObject, kind: Kind, columns: readonly Column[], withNamespace: boolean, now: Instant): string[] {
  const namespace = withNamespace && kind.namespaced ? [textOf(object.metadata['namespace']) ?? ''] : []
  return [...namespace, ...columns.map((column) => oneLine(String(cellFor(column, object, now) ?? '')))]
}

export const columnsOf = (kind: Kind, wide: boolean): readonly Column[] =>
  withName(kind.columns).filter(({ priority }) => wide || priority === 0)
