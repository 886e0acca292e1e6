import { chown, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { within, type Clock } from '../kernel/clock.ts'
import { messageOf, Misconfigured } from '../kernel/errors.ts'
import type { Log } from '../kernel/log.ts'
import type { BuildLimits } from './build-limits.ts'
import { CLI_CONFIG } from './cli-config.ts'
import { environmentOf } from './environment.ts'
import { buildsFolder, OVERRIDE, OVERRIDE_NAME } from './folder.ts'
import { bubblewrap, noSandbox, TREE, type Sandbox } from './sandbox.ts'
import { findTerraform, startTerraform, type Terraform } from './terraform.ts'

export interface Prepared {
  readonly terraform: Terraform
  readonly sandbox: Sandbox
  /** What terraform writes down when it is told that state is kept locally: with it no build needs an `init`. */
  readonly backendRecord: string
}

interface Wanted {
  readonly chosen: string | null
  readonly searchPath: string
  readonly isolation: 'required' | 'preferred' | 'none'
  readonly stateDir: string
  /** A file of authorities to trust, in place of the system's. */
  readonly certificates?: string | null
  readonly limits?: BuildLimits
  readonly clock: Clock
  readonly log: Log
}

const PROBE_LIMIT_MS = 30_000
const PROBE_JOB = 'probe'

/** Finds terraform and runs it once, in the very sandbox that builds get: whether that works cannot be known otherwise. */
export async function prepareTerraform(wanted: Wanted): Promise<Prepared> {
  const terraform = await findTerraform(wanted.chosen, wanted.searchPath)
  const sandbox = wanted.isolation === 'none' ? noSandbox('') : await bubblewrap(terraform, wanted.searchPath, wanted)
  const tried = typeof sandbox === 'string' ? sandbox : await tryOut(wanted, terraform, sandbox)
  if (typeof tried !== 'string') return tried
  if (wanted.isolation === 'required') {
    throw new Misconfigured(`BOTHY_ISOLATION=required, but terraform cannot run in a sandbox here: ${tried}`)
  }
  if (wanted.isolation === 'preferred')
    wanted.log.warn('terraform runs without a sandbox here: templates can do what this user can', { why: tried })
  const bare = await tryOut(wanted, terraform, noSandbox(wanted.isolation === 'none' ? '' : firstLine(tried)))
  if (typeof bare !== 'string') return bare
  throw new Misconfigured(`${terraform.path} does not run here: ${bare}`)
}

/** The message that says why it does not work. */
async function tryOut({ stateDir, clock }: Wanted, terraform: Terraform, sandbox: Sandbox): Promise<Prepared | string> {
  await mkdir(buildsFolder(stateDir), { recursive: true, mode: 0o700 })
  const folder = await mkdtemp(join(buildsFolder(stateDir), '.probe-'))
  try {
    const user = sandbox.userOf(PROBE_JOB)
    const place = sandbox.placeOf(folder)
    for (const name of [TREE, 'data', 'home']) await mkdir(join(folder, name), { mode: 0o700 })
    await writeFile(join(folder, TREE, OVERRIDE_NAME), OVERRIDE)
    await writeFile(join(folder, 'terraformrc'), CLI_CONFIG)
    const made = ['', TREE, 'data', 'home', `${TREE}/${OVERRIDE_NAME}`, 'terraformrc']
    if (user !== null) await Promise.all(made.map((name) => chown(join(folder, name), user, user)))
    const output: string[] = []
    const running = startTerraform(
      await sandbox.launch({
        jobId: PROBE_JOB,
        terraform,
        folder,
        socket: null,
        args: ['init', '-input=false', '-no-color'],
        env: environmentOf({ place, socket: `${place.folder}/none.sock`, variables: {}, passed: {} }),
      }),
      (line) => void output.push(line),
    )
    const ended = await within(clock, PROBE_LIMIT_MS, running.ended, tooLate).finally(() => running.kill())
    if (ended.code !== 0) return ended.stderr.trim() || output.join('\n') || `it ended with ${ended.signal ?? `code ${ended.code}`}`
    return { terraform, sandbox, backendRecord: await readFile(join(folder, 'data', 'terraform.tfstate'), 'utf8') }
  } catch (error) {
    return messageOf(error)
  } finally {
    await sandbox.over(PROBE_JOB)
    await rm(folder, { recursive: true, force: true })
  }
}

const tooLate = (): Error => new Error('it did not end in time')

const firstLine = (text: string): string => text.split('\n')[0] ?? ''
