import type { Clock } from './kernel/clock.ts'

/** npm and our own small parent pass on a Ctrl-C that the terminal has already given to everybody: that is one wish, not two. */
const SAME_WISH_MS = 300

/**
 * Ctrl-C means more each time: the n-th wish calls the n-th of `answers`, the last of them for every further one. Answers how
 * to stop listening.
 */
export function listenToSignals(clock: Clock, answers: readonly (() => void)[]): () => void {
  let count = 0
  let lastMs = -Infinity
  const listener = (): void => {
    const nowMs = clock.elapsedMs()
    if (nowMs - lastMs < SAME_WISH_MS) return
    lastMs = nowMs
    answers[Math.min(count, answers.length - 1)]?.()
    count += 1
  }
  const names = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  for (const name of names) process.on(name, listener)
  // Under an older Node a small parent holds the terminal; when it is gone, nobody can ask any more.
  process.on('disconnect', listener)
  process.channel?.unref()
  return () => {
    for (const name of names) process.off(name, listener)
    process.off('disconnect', listener)
  }
}
