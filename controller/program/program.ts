import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Misconfigured, Transient } from '../kernel/errors.ts'
import { makeFolder } from '../kernel/folders.ts'
import { platformName, type Platform } from './platform.ts'
import type { Archive } from './write-archive.ts'
import { programsFolder } from './write-program.ts'

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
}

const BUILDER = fileURLToPath(new URL('./build.ts', import.meta.url))
const BUILD_LIMIT_MS = 120_000
const SAID_BYTES_MAX = 64 * 1024
/** build.ts says so when there is no runtime for a platform; importing it would bring the bundler along. */
const BAD_PLATFORM = 3

const known = new Map<string, Promise<unknown>>()

/** Built once by each process that asks; across processes the folder is found again by its digest. */
export function agentProgram(wanted: ProgramWanted): Promise<AgentProgram> {
  return once(wanted, 'folder', async () => {
    const { digest } = await build(wanted, 'folder')
    const archive = () =>
      once(wanted, 'archive', async () => {
        const { archive: packed } = await build(wanted, 'archive')
        if (!packed) throw new Transient('the archive of the agent was not packed')
        return packed
      })
    return { digest, folder: join(programsFolder(wanted.stateDir), digest), archive }
  })
}

function once<T>(wanted: ProgramWanted, what: string, work: () => Promise<T>): Promise<T> {
  const key = `${wanted.stateDir} ${platformName(wanted)} ${what}`
  // What failed may work the next time, as when the disk was full.
  const begun = (known.get(key) as Promise<T> | undefined) ?? work().catch((error: unknown) => (known.delete(key), Promise.reject(error)))
  known.set(key, begun)
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
