import { link, readFile, rm, writeFile } from 'node:fs/promises'
import { randomUUID } from 'node:crypto'
import type { Clock } from '../kernel/clock.ts'
import { Transient } from '../kernel/errors.ts'
import { isSame, startOf } from '../kernel/pids.ts'

/** One at a time among all programs of this machine: a file that names its holder by pid and start time. */

const WAIT_LIMIT_MS = 60_000
const LOOK_EVERY_MS = 20

export async function locked<T>(file: string, clock: Clock, work: () => Promise<T>): Promise<T> {
  const deadline = clock.elapsedMs() + WAIT_LIMIT_MS
  while (!(await taken(file))) {
    await removeDead(file)
    if (clock.elapsedMs() > deadline) throw new Transient(`${file} has been held by another program for ${WAIT_LIMIT_MS / 1000} s`)
    await clock.sleep(LOOK_EVERY_MS)
  }
  try {
    return await work()
  } finally {
    await rm(file, { force: true })
  }
}

/** A link appears with its content or not at all, so nobody ever reads half a holder. */
async function taken(file: string): Promise<boolean> {
  const own = `${file}.${randomUUID()}`
  await writeFile(own, `${process.pid} ${startOf(process.pid) ?? ''}`, { mode: 0o600 })
  try {
    await link(own, file)
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false
    throw error
  } finally {
    await rm(own, { force: true })
  }
}

/** Two that find the same dead holder must not remove each other's lock: removing needs a lock of its own. */
async function removeDead(file: string): Promise<void> {
  if (!(await isDead(file))) return
  const removing = `${file}.removing`
  if (!(await taken(removing))) {
    if (await isDead(removing)) await rm(removing, { force: true })
    return
  }
  try {
    if (await isDead(file)) await rm(file, { force: true })
  } finally {
    await rm(removing, { force: true })
  }
}

async function isDead(file: string): Promise<boolean> {
  try {
    const [pid = '', start = ''] = (await readFile(file, 'utf8')).split(' ')
    return !isSame(Number(pid), start)
  } catch {
    return false
  }
}
