import { childrenOf, procText } from './proc.ts'

/** How many processes the agent's own program has below it, and the memory they and it have. */
export interface ProcessesSeen {
  readonly processes: number
  readonly memoryBytes: number
}

const PROCESSES_MAX = 4096

/** What left our tree on purpose, as a daemon does, is not counted: on a machine that is shared it may be anybody's. */
export function processesSeen(root: number = process.pid): ProcessesSeen {
  const found = [root]
  for (let i = 0; i < found.length && found.length < PROCESSES_MAX; i += 1) found.push(...childrenOf(found[i] ?? 0))
  const memoryBytes = found.reduce((sum, pid) => sum + residentBytes(pid), 0)
  return { processes: found.length - 1, memoryBytes }
}

const residentBytes = (pid: number): number => Number(/^VmRSS:\s+(\d+) kB$/m.exec(procText(`/proc/${pid}/status`))?.[1] ?? 0) * 1024
