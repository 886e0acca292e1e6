import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Misconfigured, Transient } from '../kernel/errors.ts'
import type { Clock } from '../kernel/clock.ts'
import { makeFolder } from '../kernel/folders.ts'
import { platformName, type Platform } from './platform.ts'
import { howToGet, runtimeFor } from './runtime.ts'
import type { Archive } from './write-archive.ts'
import { programsFolder } from './place.ts'

/** The agent's program: a folder that can be mounted or run as it is, and an archive of it that can be fetched. */
export interface AgentProgram {
  /** `<state>/agent-program/<digest>/`, with `bothy-agent` to start. Read-only for whoever mounts it. */
  readonly folder: string
  /** Of what is in the folder: the same sources and the same Node give the same one. */
  readonly digest: string
  /** Packed when it is first asked for, which takes seconds. */
  archive(): Promise<Archive>
}

export interface ProgramWanted extends Platform {
  readonly stateDir: string
  readonly clock: Clock
}

const BUILDER = fileURLToPath(new URL('./build.ts', import.meta.url))
const BUILD_LIMIT_MS = 120_000
const SAID_BYTES_MAX = 64 * 1024
/** build.ts says so when there is no runtime for a platform; importing it would bring the bundler along. */
const BAD_PLATFORM = 3

/** What failed may work the next time, as when the disk was full; but not at once, whoever asks how often. */
const FAILED_FOR_MS = 5000

const folders = new Map<string, Promise<AgentProgram>>()
const archives = new Map<string, Promise<Archive>>()

/** Built once by each process that asks; across processes the folder is found again by its digest. */
export async function agentProgram(wanted: ProgramWanted): Promise<AgentProgram> {
  // Looked at each time, and here: whoever asks for what there is not must cost nothing, and it may come later.
  if (!runtimeFor(wanted)) throw new Misconfigured(howToGet(wanted))
  const program = await once(
    folders,
    wanted,
    ({ folder }) => join(folder, 'digest'),
    async () => {
      const { digest } = await build(wanted, 'folder')
      return { digest, folder: join(programsFolder(wanted.stateDir), digest), archive: () => archiveOf(wanted) }
    },
  )
  // Whoever sweeps goes by when it was last asked for.
  const now = wanted.clock.now() / 1000
  await utimes(program.folder, now, now)
  return program
}

const archiveOf = (wanted: ProgramWanted): Promise<Archive> =>
  once(
    archives,
    wanted,
    ({ file }) => file,
    async () => {
      const { archive } = await build(wanted, 'archive')
      if (!archive) throw new Transient('the archive of the agent was not packed')
      return archive
    },
  )

/** What somebody has removed meanwhile is made again. */
async function once<T>(
  known: Map<string, Promise<T>>,
  wanted: ProgramWanted,
  file: (made: T) => string,
  work: () => Promise<T>,
): Promise<T> {
  const key = `${wanted.stateDir} ${platformName(wanted)}`
  const before = known.get(key)
  if (before && existsSync(file(await before))) return before
  const other = known.get(key)
  if (other && other !== before) return other
  const begun = work()
  known.set(key, begun)
  begun.catch(() => wanted.clock.after(FAILED_FOR_MS, () => known.delete(key)))
  return begun
}

interface Built {
  readonly digest: string
  readonly archive: Archive | null
}

function build(wanted: ProgramWanted, what: 'folder' | 'archive'): Promise<Built> {
  makeFolder(programsFolder(wanted.stateDir))
  const args = ['--disable-warning=ExperimentalWarning', BUILDER, wanted.stateDir, platformName(wanted), what]
  return new Promise((resolve, reject) => {
    execFile(process.execPath, args, { timeout: BUILD_LIMIT_MS, maxBuffer: SAID_BYTES_MAX }, (error, stdout, stderr) => {
      if (!error) return resolve(JSON.parse(stdout) as Built)
      const said = stderr.trim() || error.message
      reject(error.code === BAD_PLATFORM ? new Misconfigured(said) : new Transient(`the agent's program could not be built: ${said}`))
    })
  })
}
