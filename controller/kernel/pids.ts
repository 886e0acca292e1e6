import { readFileSync } from 'node:fs'

/**
 * Pids are reused; the pair of pid and start time is not. On Linux the start time is the kernel's own, in ticks since boot,
 * together with the boot's id, so that a record survives a reboot without ever meaning another process.
 */

/** null: there is no such process. Where the system has no /proc, a living process has the start time `unknown`. */
export function startOf(pid: number): string | null {
  if (!alive(pid)) return null
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The second field is the program's name in parentheses, and may itself hold spaces and parentheses.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    if (fields[0] === 'Z' || fields[0] === 'X') return null
    return `${bootId()}:${fields[19] ?? ''}`
  } catch (error) {
    return hasProc() && isMissing(error) ? null : 'unknown'
  }
}

export const isSame = (pid: number, start: string): boolean => startOf(pid) === start

function alive(pid: number): boolean {
  try {
    return pid > 0 && process.kill(pid, 0)
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}

const isMissing = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ESRCH')

const hasProc = (): boolean => process.platform === 'linux'

let boot: string | undefined

function bootId(): string {
  boot ??= readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  return boot
}
