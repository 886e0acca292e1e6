import { readQuietly } from './place.ts'

/** What the kernel says of a process. */

const MB = 1024

/** Resident memory now, and the most it ever was, in MB. */
export function memoryOf(pid: number): { readonly now: number; readonly most: number } {
  const status = readQuietly(`/proc/${pid}/status`)
  const of = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? Number.NaN) / MB
  return { now: of('VmRSS'), most: of('VmHWM') }
}

/** The kernel counts in hundredths of a second on every Linux that Node runs on. */
const TICK_MS = 10

/** Processor time that it has used, in milliseconds. */
export function processorMs(pid: number): number {
  const fields = readQuietly(`/proc/${pid}/stat`).split(') ')[1]?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS
}
