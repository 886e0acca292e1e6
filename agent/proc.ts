import { readFileSync } from 'node:fs'

/** What the kernel says of processes, where it says anything. */

/** Children are kept by the thread that started them. */
export const childrenOf = (pid: number): number[] =>
  procText(`/proc/${pid}/task/${pid}/children`)
    .split(' ')
    .filter((text) => text !== '')
    .map(Number)

/** Empty where the process is gone, or there is no such file. */
export function procText(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
