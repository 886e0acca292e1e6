import { readdir, rename, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../kernel/clock.ts'
import type { Log } from '../kernel/log.ts'
import { newUid } from '../kernel/names.ts'
import type { Db } from '../store/pool.ts'
import { keptDigests } from '../store/provider-locks.ts'
import { PROCESS_FILE } from './fetch.ts'
import { abandonedIn, isAlive, makerIn } from './making.ts'
import { MANIFEST, removePrepared } from './prepared-files.ts'
import type { Sandbox } from './sandbox.ts'
import { send } from './terraform.ts'

/** Longer than any build: what was made for a version that is not kept may still be in use. */
const UNKNOWN_KEPT_MS = 2 * 3_600_000

/** What dead makers left. Nothing of it is worth saving, and their terraform would write where nobody looks. */
export async function removeAbandoned(parent: string, sandbox: Sandbox): Promise<void> {
  for (const folder of await abandonedIn(parent)) {
    const process = await makerIn(join(folder, PROCESS_FILE))
    if (process && isAlive(process)) send(process, 'SIGKILL', sandbox.placeOf(folder).folder !== folder)
    await removePrepared(folder)
  }
}

interface Sweeping {
  readonly db: Db
  readonly clock: Clock
  readonly log: Log
  readonly sandbox: Sandbox
}

/** Removes what belongs to no version whose files are kept. */
export async function sweepPrepared({ db, clock, log, sandbox }: Sweeping, parent: string): Promise<void> {
  await removeAbandoned(parent, sandbox)
  const names = (await readdir(parent).catch(() => [])).filter((name) => /^[0-9a-f]{64}-[\w-]+$/.test(name))
  if (names.length === 0) return
  const kept = await keptDigests(db, [...new Set(names.map(digestIn))])
  for (const name of names.filter((each) => !kept.has(digestIn(each)))) {
    const made = await stat(join(parent, name, MANIFEST)).catch(() => null)
    if (made && clock.now() - made.mtimeMs < UNKNOWN_KEPT_MS) continue
    const aside = join(parent, `.gone-${newUid()}`)
    await rename(join(parent, name), aside)
    await removePrepared(aside)
    log.info('the providers of a version that is no longer kept were removed', { name })
  }
}

const digestIn = (name: string): string => `sha256:${name.slice(0, 64)}`
