import { readdirSync, readFileSync } from 'node:fs'
import { startOf } from '../kernel/pids.ts'

/**
 * The processes of this machine as the kernel lists them. Read without waiting: /proc is memory, and hundreds of small reads
 * through the thread pool take ten times as long.
 */

export interface ProcessListed {
  readonly pid: number
  readonly group: number
  /** With the pid the identity of a process: pids are reused, the pair is not. */
  readonly start: string
}

/** null where the process is gone or belongs to somebody else. */
export function environmentOf(pid: number): ReadonlyMap<string, string> | null {
  const text = readOrNull(`/proc/${pid}/environ`)
  if (text === null) return null
  return new Map(
    text.split('\0').flatMap((entry) => {
      const at = entry.indexOf('=')
      return at > 0 ? [[entry.slice(0, at), entry.slice(at + 1)] as const] : []
    }),
  )
}

export const argumentsOf = (pid: number): readonly string[] => (readOrNull(`/proc/${pid}/cmdline`) ?? '').split('\0')

/** Whoever exited and was not yet waited for is not listed. */
export const fromProc = (): readonly ProcessListed[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      const pid = Number(name)
      const group = groupOf(pid)
      const start = startOf(pid)
      return group === null || start === null ? [] : [{ pid, group, start }]
    })

function groupOf(pid: number): number | null {
  const stat = readOrNull(`/proc/${pid}/stat`)
  if (stat === null) return null
  const group = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[2])
  return Number.isSafeInteger(group) ? group : null
}

const PS_LINE = /^\s*(\d+)\s+(\d+)\s+(\S+)\s+(.+?)\s*$/

/** What `ps -axo pid=,pgid=,state=,lstart=` prints, where there is no /proc. */
export function fromPs(text: string): readonly ProcessListed[] {
  return text.split('\n').flatMap((line) => {
    const [, pid, group, state = '', start = ''] = PS_LINE.exec(line) ?? []
    return pid === undefined || group === undefined || state.startsWith('Z') ? [] : [{ pid: Number(pid), group: Number(group), start }]
  })
}

/** The kernel counts a process' start in hundredths of a second since boot, on every machine that Node runs on. */
const TICK_MS = 10

/** Milliseconds since that process started; null where the kernel does not say. */
export function ageMs({ start }: ProcessListed): number | null {
  const uptime = Number(readOrNull('/proc/uptime')?.split(' ')[0])
  const ticks = Number(start.split(':')[1])
  return Number.isFinite(uptime) && Number.isFinite(ticks) ? Math.max(0, uptime * 1000 - ticks * TICK_MS) : null
}

function readOrNull(file: string): string | null {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return null
  }
}
