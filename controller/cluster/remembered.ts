import type { Clock } from '../kernel/clock.ts'

/** Answers that count for a while: a bounded number of them, and one question for all who ask the same at once. */
export interface Remembered<T> {
  /** What is remembered; null: nothing. */
  peek(key: string): T | null
  put(key: string, value: T): void
  /** What is remembered, or what `find` answers; null is not remembered. */
  recall(key: string, find: () => Promise<T | null>): Promise<T | null>
  /** Whoever asks next is not answered with what was known before. */
  forget(): void
}

export function createRemembered<T>(clock: Clock, forMs: number, most: number): Remembered<T> {
  const kept = new Map<string, { readonly value: T; readonly until: number }>()
  const finding = new Map<string, Promise<T | null>>()

  const peek = (key: string): T | null => {
    const found = kept.get(key)
    if (!found) return null
    if (found.until > clock.elapsedMs()) return found.value
    kept.delete(key)
    return null
  }
  /** All count equally long, so what was put first is over first. */
  const put = (key: string, value: T) => {
    kept.delete(key)
    kept.set(key, { value, until: clock.elapsedMs() + forMs })
    const [oldest] = kept.keys()
    if (kept.size > most && oldest !== undefined) kept.delete(oldest)
  }
  return {
    peek,
    put,
    recall(key, find) {
      const found = peek(key)
      if (found !== null) return Promise.resolve(found)
      const underway = finding.get(key)
      if (underway) return underway
      const asked = find()
        .then((value) => {
          if (value !== null) put(key, value)
          return value
        })
        .finally(() => finding.delete(key))
      finding.set(key, asked)
      return asked
    },
    forget: () => kept.clear(),
  }
}
