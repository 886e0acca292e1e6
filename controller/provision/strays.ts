import { readdirSync, readFileSync } from 'node:fs'

/**
 * A sandbox is two processes at first: the outer one tells us who the inner one is, and then lets it begin. Where the outer one ends
 * in that moment, the inner one waits for ever, and holds the output that we read. It has begun nothing.
 *
 * Those of a provisioner that was killed: their outer ones died of telling nobody.
 */
export function endStrays(builds: string): number {
  // As the first process of a container we are the parent of the outer ones.
  if (process.pid === 1) return 0
  const mark = ` ${builds}/`
  return end((pid) => isOrphan(pid) && textOf(`/proc/${pid}/task/${pid}/children`) === '' && commandOf(pid).includes(mark))
}

/** The one of a launch of ours whose outer one is gone, whoever killed it. What has that command line and is still bubblewrap began nothing. */
export function endUnbegun(command: readonly string[]): number {
  const whole = ` ${command.join(' ')} `
  return end((pid) => {
    const own = commandOf(pid)
    // Empty in the moment in which it becomes another program: that of another build, maybe.
    return own !== '' && whole.endsWith(` ${own}`)
  })
}

function end(isStray: (pid: number) => boolean): number {
  const strays = pids().filter((pid) => statOf(pid)?.name === 'bwrap' && isStray(pid))
  for (const pid of strays) {
    try {
      process.kill(pid, 'SIGKILL')
    } catch {
      // It ended by itself.
    }
  }
  return strays.length
}

const isOrphan = (pid: number): boolean => statOf(pid)?.parent === '1'

function statOf(pid: number): { readonly name?: string; readonly parent?: string } | null {
  return /^\d+ \((?<name>.*)\) \S (?<parent>\d+)/.exec(textOf(`/proc/${pid}/stat`))?.groups ?? null
}

/** Each argument with a blank behind it. */
const commandOf = (pid: number): string => textOf(`/proc/${pid}/cmdline`).replaceAll('\0', ' ')

function pids(): number[] {
  try {
    return readdirSync('/proc')
      .map(Number)
      .filter((pid) => pid > 1)
  } catch {
    // Another system has no sandbox of this kind.
    return []
  }
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
