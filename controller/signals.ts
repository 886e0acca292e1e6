/**
 * Ctrl-C means more each time: the n-th signal calls the n-th of `answers`, the last of them for every further one. Answers how
 * to stop listening.
 */
export function listenToSignals(answers: readonly (() => void)[]): () => void {
  let count = 0
  const listener = (): void => {
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
