const BEGUN_MAX = 50

/**
 * Of all who ask in one moment so many are begun before the loop turns. Each costs a fraction of a millisecond; hundreds of them
 * in one breath, as when everybody takes up a watch again, would be a stretch in which no timer fires and nobody else is heard.
 */
export function createCrowd(): { turn(): Promise<void> | null } {
  const waiting: (() => void)[] = []
  let begun = 0

  const turned = (): void => {
    const next = waiting.splice(0, BEGUN_MAX)
    begun = next.length
    if (begun > 0) setImmediate(turned)
    for (const begin of next) begin()
  }

  return {
    /** null: at once. */
    turn() {
      if (begun === 0) setImmediate(turned)
      if (begun === BEGUN_MAX) return new Promise((begin) => waiting.push(begin))
      begun += 1
      return null
    },
  }
}
