import { setPriority } from 'node:os'
import { join } from 'node:path'
import { makeFolder } from '../kernel/folders.ts'
import { messageOf, Misconfigured } from '../kernel/errors.ts'
import { systemClock } from '../kernel/clock.ts'
import { locked } from '../machines/lock.ts'
import { programsFolder } from './place.ts'
import { platformFrom } from './platform.ts'
import { writeArchive } from './write-archive.ts'
import { writeProgram } from './write-program.ts'

/**
 * A program of its own, so that whoever wants the agent's program goes on meanwhile, and keeps no bundler in memory:
 *   node build.ts STATE PLATFORM folder|archive     prints what was built as JSON
 */

export const BAD_PLATFORM = 3

interface Built {
  readonly digest: string
  readonly archive: { readonly file: string; readonly bytes: number; readonly sha256: string } | null
}

async function built(stateDir: string, platform: string, what: string): Promise<Built> {
  const folder = programsFolder(stateDir)
  makeFolder(folder)
  // Two that build at once would both be right; one of them would have worked for nothing.
  return locked(join(folder, `${platform}.lock`), systemClock, async () => {
    const digest = await writeProgram(stateDir, platformFrom(platform))
    return { digest, archive: what === 'archive' ? await writeArchive(stateDir, digest) : null }
  })
}

const POLITE = 10

if (import.meta.main) {
  const [, , stateDir = '', platform = '', what = 'folder'] = process.argv
  try {
    setPriority(POLITE)
    process.stdout.write(`${JSON.stringify(await built(stateDir, platform, what))}\n`)
  } catch (error) {
    process.stderr.write(`${messageOf(error)}\n`)
    process.exitCode = error instanceof Misconfigured ? BAD_PLATFORM : 1
  }
}
