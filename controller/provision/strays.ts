import { readdirSync, readFileSync } from 'node:fs'
import { buildsFolder } from './folder.ts'

/**
 * A sandbox is two processes at first: the outer one tells us who the inner one is, and then lets it begin. Where we are killed
 * in that moment the outer one dies of telling nobody, and the inner one would wait for ever. It has begun nothing.
 */
export function endStrays(stateDir: string): number {
  // As the first process of a container we are the parent of the outer ones.
  if (process.pid === 1) return 0
  const strays = pids().filter((pid) => isStray(pid, ` ${buildsFolder(stateDir)}/`))
  for (const pid of strays) {
    try {
      process.kill(pid, 'SIGKILL')
    } catch {
      // It ended by itself.
    }
  }
  return strays.length
}

function isStray(pid: number, mark: string): boolean {
  const [name, parent] = [/^\d+ \((.*)\) \S (\d+)/.exec(textOf(`/proc/${pid}/stat`))].flatMap((found) => [found?.[1], found?.[2]])
  if (name !== 'bwrap' || parent !== '1' || textOf(`/proc/${pid}/task/${pid}/children`) !== '') return false
  return textOf(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').includes(mark)
}

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
