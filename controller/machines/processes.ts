import { readdir, readFile } from 'node:fs/promises'
import { startOf } from '../kernel/pids.ts'

/** The processes of this machine as the kernel lists them. */

export interface ProcessListed {
  readonly pid: number
  readonly group: number
  /** With the pid the identity of a process: pids are reused, the pair is not. */
  readonly start: string
}

/** null where the process is gone or belongs to somebody else. */
export async function environmentOf(pid: number): Promise<ReadonlyMap<string, string> | null> {
  const text = await readOrNull(`/proc/${pid}/environ`)
  if (text === null) return null
  return new Map(
    text.split('\0').flatMap((entry) => {
      const at = entry.indexOf('=')
      return at > 0 ? [[entry.slice(0, at), entry.slice(at + 1)] as const] : []
    }),
  )
}

export async function argumentsOf(pid: number): Promise<readonly string[]> {
  return ((await readOrNull(`/proc/${pid}/cmdline`)) ?? '').split('\0')
}

/** Whoever exited and was not yet waited for is not listed. */
export async function fromProc(): Promise<readonly ProcessListed[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number)
  const listed = await Promise.all(
    pids.map(async (pid) => {
      const group = await groupOf(pid)
      const start = startOf(pid)
      return group === null || start === null ? [] : [{ pid, group, start }]
    }),
  )
  return listed.flat()
}

async function groupOf(pid: number): Promise<number | null> {
  const stat = await readOrNull(`/proc/${pid}/stat`)
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
export async function ageMs({ start }: ProcessListed): Promise<number | null> {
  const uptime = Number((await readOrNull('/proc/uptime'))?.split(' ')[0])
  const ticks = Number(start.split(':')[1])
  return Number.isFinite(uptime) && Number.isFinite(ticks) ? Math.max(0, uptime * 1000 - ticks * TICK_MS) : null
}

async function readOrNull(file: string): Promise<string | null> {
  try {
    return await readFile(file, 'utf8')
  } catch {
    return null
  }
}
