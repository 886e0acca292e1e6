import { childrenOf, procText } from './proc.ts'

/**
 * Whether something runs in the foreground of a terminal. A shell that waits for a line to be typed is alone in the
 * foreground; whatever it was told to run is not the shell, or stands beside it. null: this system does not say.
 */
export function hasForegroundJob(pid: number): boolean | null {
  const leader = leaderFrom(pid, 0)
  if (!leader) return null
  if (leader.foreground !== leader.pid) return true
  return !SHELLS.has(leader.name) || childrenOf(leader.pid).some((child) => processOf(child)?.group === leader.pid)
}

interface Process {
  readonly pid: number
  readonly name: string
  readonly group: number
  /** The group in the foreground of its terminal; -1: it has none. */
  readonly foreground: number
}

const SHELLS = new Set(['sh', 'ash', 'bash', 'csh', 'dash', 'elvish', 'fish', 'ksh', 'mksh', 'nu', 'pwsh', 'tcsh', 'xonsh', 'zsh'])
/** A stand-in for the native terminal is the parent of the process that has it. */
const DEPTH_MAX = 2

function leaderFrom(pid: number, depth: number): Process | null {
  const process = processOf(pid)
  if (!process || process.foreground > 0) return process
  if (depth === DEPTH_MAX) return null
  for (const child of childrenOf(pid)) {
    const leader = leaderFrom(child, depth + 1)
    if (leader) return leader
  }
  return null
}

/** `pid (name) state ppid pgrp session tty tpgid …`; the name may hold anything, brackets too. */
function processOf(pid: number): Process | null {
  const stat = procText(`/proc/${pid}/stat`)
  const [open, close] = [stat.indexOf('('), stat.lastIndexOf(')')]
  if (open === -1 || close === -1) return null
  const [, , group, , , foreground] = stat.slice(close + 2).split(' ')
  return { pid, name: stat.slice(open + 1, close), group: Number(group), foreground: Number(foreground) }
}
