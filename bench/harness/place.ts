import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../../controller/kernel/clock.ts'

/** A folder for one setting. When it is left, everything that was opened in it is closed, and nothing of it runs any more. */
export interface Place {
  readonly folder: string
  /** Closed in the opposite order of opening. */
  onLeave(close: () => Promise<unknown> | void): void
}

const places = new Set<() => Promise<void>>()
const LEAVE_LOOK_MS = 50
const LEAVE_LOOKS_MAX = 200

export async function inPlace<T>(work: (place: Place) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'bothy-bench-'))
  // The database runs as nobody when we are root, and must be able to pass through.
  chmodSync(folder, 0o711)
  const closers: (() => Promise<unknown> | void)[] = []
  let left: Promise<void> | null = null
  const leave = () => (left ??= leaving(folder, closers).finally(() => places.delete(leave)))
  places.add(leave)
  try {
    return await work({ folder, onLeave: (close) => void closers.push(close) })
  } finally {
    await leave()
  }
}

/** For whoever is interrupted. */
export const leaveAll = async (): Promise<void> => void (await Promise.all([...places].map((leave) => leave())))

async function leaving(folder: string, closers: (() => Promise<unknown> | void)[]): Promise<void> {
  for (const close of closers.toReversed())
    await Promise.resolve(close()).catch((error: unknown) => process.stderr.write(`${String(error)}\n`))
  for (let looks = 0; looks < LEAVE_LOOKS_MAX; looks += 1) {
    const left = processesOf(folder)
    if (left.length === 0) break
    for (const pid of left) killQuietly(pid, 'SIGKILL')
    await systemClock.sleep(LEAVE_LOOK_MS)
  }
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
}

/** Machines of workspaces are nobody's children: what names our folder is ours, and nothing else is touched. */
export function processesOf(folder: string): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 0 && pid !== process.pid)
    .filter((pid) => ['cmdline', 'environ'].some((file) => readQuietly(`/proc/${pid}/${file}`).includes(folder)))
}

export function readQuietly(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}

export function killQuietly(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch {
    // It ended by itself.
  }
}
