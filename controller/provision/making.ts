import { link, mkdir, readdir, readFile, rename, rm, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../kernel/clock.ts'
import { newUid } from '../kernel/names.ts'
import { isSame, startOf } from '../kernel/pids.ts'

/**
 * One maker at a time for each thing, over all processes of this machine. A maker that died is known by its pid and start time.
 * The lock only saves work: what is made appears by one rename, so two makers would do no harm.
 */
export interface Maker {
  readonly pid: number
  readonly startedAt: string
}

const LOOK_AGAIN_MS = 100

export const self = (): Maker => ({ pid: process.pid, startedAt: startOf(process.pid) ?? '' })
export const isAlive = ({ pid, startedAt }: Maker): boolean => isSame(pid, startedAt)

/** Answers the call that gives it back. Waits for whoever has it; resolves null when `stop` aborts first. */
export async function takeLock(path: string, clock: Clock, stop: AbortSignal): Promise<(() => Promise<void>) | null> {
  const own = `${path}.${newUid()}`
  await writeFile(own, JSON.stringify(self()), { mode: 0o600 })
  try {
    for (;;) {
      // The lock appears with its owner in it, or not at all.
      const taken = await link(own, path).then(
        () => true,
        () => false,
      )
      if (taken) return () => rm(path, { force: true })
      if (stop.aborted) return null
      const holder = await makerIn(path)
      if (holder && !isAlive(holder)) await removeStale(path, holder)
      else await clock.sleep(LOOK_AGAIN_MS, stop)
    }
  } finally {
    await unlink(own)
  }
}

/** Moved aside first: whoever moves it owns the decision, and a lock that was taken anew in between is put back. */
async function removeStale(path: string, stale: Maker): Promise<void> {
  const aside = `${path}.${newUid()}`
  await rename(path, aside).catch(() => {})
  const moved = await makerIn(aside)
  if (moved && (moved.pid !== stale.pid || moved.startedAt !== stale.startedAt)) await link(aside, path).catch(() => {})
  await rm(aside, { force: true })
}

/** null: it is gone, or cannot be read. */
export async function makerIn(path: string): Promise<Maker | null> {
  try {
    const value: unknown = JSON.parse(await readFile(path, 'utf8'))
    if (typeof value !== 'object' || value === null || !('pid' in value) || !('startedAt' in value)) return null
    return typeof value.pid === 'number' && typeof value.startedAt === 'string' ? { pid: value.pid, startedAt: value.startedAt } : null
  } catch {
    return null
  }
}

const MAKING = /^\.making-(\d+)-(.+)-[0-9a-f]{8}$/

/** A folder to make something in, which says who makes it. */
export async function makingFolder(parent: string): Promise<string> {
  const { pid, startedAt } = self()
  const path = join(parent, `.making-${pid}-${startedAt.replace(/[^0-9a-f]/g, '.')}-${newUid().slice(0, 8)}`)
  await mkdir(path, { mode: 0o700 })
  return path
}

/** The folders that dead makers left. */
export async function abandonedIn(parent: string): Promise<string[]> {
  const names = await readdir(parent).catch(() => [])
  return names
    .filter((name) => {
      const [, pid, startedAt] = MAKING.exec(name) ?? []
      if (pid === undefined) return name.startsWith('.gone-')
      return startOf(Number(pid))?.replace(/[^0-9a-f]/g, '.') !== startedAt
    })
    .map((name) => join(parent, name))
}
