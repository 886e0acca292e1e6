const CONTEXT = 2
/** Beyond this the table of the longest common subsequence grows too large; objects are far smaller. */
const LINES_MAX = 2000

/** Lines with `+`, `-` or a blank in front, and a little of what is around them; nothing where both are the same. */
export function lineDiff(before: readonly string[], after: readonly string[]): string[] {
  const all = before.length > LINES_MAX || after.length > LINES_MAX ? replaced(before, after) : aligned(before, after)
  const near = new Set(all.flatMap((line, i) => (line.startsWith(' ') ? [] : around(i))))
  return all.flatMap((line, i) => (near.has(i) ? [line] : near.has(i - 1) ? [SKIPPED] : [])).filter(isNotLastSkip)
}

const SKIPPED = '  …'
const around = (i: number): number[] => Array.from({ length: 2 * CONTEXT + 1 }, (_, step) => i - CONTEXT + step)
const isNotLastSkip = (line: string, i: number, lines: readonly string[]): boolean => line !== SKIPPED || i < lines.length - 1

const replaced = (before: readonly string[], after: readonly string[]): string[] => [
  ...before.map((line) => `- ${line}`),
  ...after.map((line) => `+ ${line}`),
]

function aligned(before: readonly string[], after: readonly string[]): string[] {
  const common = commonLengths(before, after)
  const at = (i: number, j: number) => common[i]?.[j] ?? 0
  const lines: string[] = []
  let i = 0
  let j = 0
  while (i < before.length || j < after.length) {
    if (i < before.length && before[i] === after[j]) {
      lines.push(`  ${before[i]}`)
      i += 1
      j += 1
    } else if (j >= after.length || (i < before.length && at(i + 1, j) >= at(i, j + 1))) {
      lines.push(`- ${before[i]}`)
      i += 1
    } else {
      lines.push(`+ ${after[j]}`)
      j += 1
    }
  }
  return lines
}

/** How many lines the rest of both have in common, from each pair of places. */
function commonLengths(before: readonly string[], after: readonly string[]): number[][] {
  const table = Array.from({ length: before.length + 1 }, () => Array.from({ length: after.length + 1 }, () => 0))
  for (let i = before.length - 1; i >= 0; i -= 1) {
    for (let j = after.length - 1; j >= 0; j -= 1) {
      const row = table[i]
      if (row) row[j] = before[i] === after[j] ? (table[i + 1]?.[j + 1] ?? 0) + 1 : Math.max(table[i + 1]?.[j] ?? 0, row[j + 1] ?? 0)
    }
  }
  return table
}
