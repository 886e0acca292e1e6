import { readFileSync } from 'node:fs'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { until } from './until.ts'

/** What a process holds, and not what it has yet to clear away: when it does that depends on what else the machine is at. */

const MIB = 1024 * 1024
const CLEARED_LIMIT_MS = 15_000

/** Any other collection keeps the pages that it emptied, for later. */
const CLEAR = 'gc({ type: "major", flavor: "last-resort", execution: "sync" })'

/** Flags for Node, so that the process clears away at SIGUSR2. */
export const CLEARS_AT_USR2 = ['--expose-gc', '--import', `data:text/javascript,process.on("SIGUSR2",()=>${CLEAR})`] as const

export interface Held {
  clear(): void
  residentMiB(): number
}

export const heldBy = (pid: number): Held => ({
  clear: () => void process.kill(pid, 'SIGUSR2'),
  residentMiB: () => statusMiB(pid, 'VmRSS'),
})

/** The most that it ever had. */
export const peakMiB = (pid: number): number => statusMiB(pid, 'VmHWM')

const statusMiB = (pid: number, field: string): number =>
  Number(new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024

/** By the process that asks. */
export function heldHere(): Held {
  setFlagsFromString('--expose-gc')
  const clear = runInNewContext(`() => ${CLEAR}`) as () => void
  return { clear, residentMiB: () => process.memoryUsage.rss() / MIB }
}

export interface Growth {
  /** Fails with what it has grown by. */
  isLessThan(maxMiB: number): Promise<void>
}

const SETTLED_LOOKS = 3
const SETTLED_MIB = 1

/** Another process clears away when it gets to it: before that it holds what a growth could hide behind. */
async function settledMiB(held: Held): Promise<number> {
  const seen: number[] = []
  const look = () => {
    held.clear()
    seen.push(held.residentMiB())
    const last = seen.slice(-SETTLED_LOOKS)
    return last.length === SETTLED_LOOKS && Math.max(...last) - Math.min(...last) < SETTLED_MIB ? Math.min(...last) : null
  }
  return await until('what is held to settle', look, { limitMs: CLEARED_LIMIT_MS, everyMs: 200 })
}

export async function growthFromNow(held: Held): Promise<Growth> {
  const before = await settledMiB(held)
  return {
    async isLessThan(maxMiB) {
      const look = () => {
        held.clear()
        const grown = held.residentMiB() - before
        if (grown < maxMiB) return true
        throw new Error(`${grown.toFixed(1)} MiB more`)
      }
      await until(`less than ${maxMiB} MiB more to be held`, look, { limitMs: CLEARED_LIMIT_MS, everyMs: 200 })
    },
  }
}
