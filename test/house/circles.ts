/** Files that import each other in a loop can only be read together. Types count: a reader follows them too. */
export interface Import {
  readonly from: string
  readonly to: string
}

/** Each circle once, as the sorted list of its files: the strongly connected parts that are larger than one file. */
export function circlesIn(imports: readonly Import[]): readonly (readonly string[])[] {
  const next = new Map<string, string[]>()
  for (const { from, to } of imports) next.set(from, [...(next.get(from) ?? []), to])
  const circles: string[][] = []
  const order = new Map<string, number>()
  const lowest = new Map<string, number>()
  const open: string[] = []
  // Tarjan: a file from which no earlier one can be reached closes the part that was opened since.
  const visit = (file: string): number => {
    const number = order.size
    order.set(file, number)
    lowest.set(file, number)
    open.push(file)
    for (const to of next.get(file) ?? []) {
      const reached = order.has(to) ? (open.includes(to) ? (order.get(to) ?? number) : number) : visit(to)
      lowest.set(file, Math.min(lowest.get(file) ?? number, reached))
    }
    const low = lowest.get(file) ?? number
    if (low === number) {
      const part = open.splice(open.indexOf(file))
      if (part.length > 1) circles.push(part.toSorted())
    }
    return low
  }
  for (const file of next.keys()) if (!order.has(file)) visit(file)
  return circles.toSorted((a, b) => (a[0] ?? '').localeCompare(b[0] ?? ''))
}
