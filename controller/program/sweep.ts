import { readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../kernel/clock.ts'
import { programsFolder } from './place.ts'

/** Somebody may be about to run what was just asked for, and its agent has not said yet which program it is. */
const UNUSED_FOR_MS = 24 * 3_600_000
const DIGEST = /^[0-9a-f]{64}$/

/**
 * Removes programs that no agent runs. `used` are beginnings of digests, as agents tell their version. Answers how many went.
 */
export async function sweepPrograms(stateDir: string, used: ReadonlySet<string>, clock: Clock): Promise<number> {
  const folder = programsFolder(stateDir)
  const names = await readdir(folder).catch(() => [])
  let removed = 0
  for (const digest of names.filter((name) => DIGEST.test(name))) {
    if ([...used].some((beginning) => digest.startsWith(beginning))) continue
    const { mtimeMs } = await stat(join(folder, digest)).catch(() => ({ mtimeMs: clock.now() }))
    if (clock.now() - mtimeMs < UNUSED_FOR_MS) continue
    for (const name of names.filter((each) => each.startsWith(digest))) await rm(join(folder, name), { recursive: true, force: true })
    removed += 1
  }
  return removed
}
