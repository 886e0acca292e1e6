import { readFileSync } from 'node:fs'
import { chown } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { systemClock } from '../../controller/kernel/clock.ts'
import { silentLog } from '../../controller/kernel/log.ts'
import { newUid } from '../../controller/kernel/names.ts'
import { CLI_CONFIG } from '../../controller/provision/cli-config.ts'
import { environmentOf } from '../../controller/provision/environment.ts'
import { folderOf, makeFolder, removePath } from '../../controller/provision/folder.ts'
import { prepareTerraform } from '../../controller/provision/prepare.ts'
import { startTerraform } from '../../controller/provision/terraform.ts'
import { normaliseTemplate } from '../../crds/files.ts'
import type { Host, Identity, ProcessSeen } from '../../provider/port.ts'
import { installProvider, platformOf, terraformConfig } from '../../provider/install.ts'
import { serveProvider } from '../../provider/serve.ts'
import { timed } from './bench.ts'
import type { Place } from './place.ts'
import { EXAMPLE, searchPath } from './programs.ts'

/** Terraform by itself: the same program, sandbox and environment that our builds have, and nothing of ours around it. */
export interface BareTerraform {
  /** What the sandbox consists of here. */
  readonly sandbox: string
  /** Everything that can be ready before, and what is to be timed. */
  prepare(files: Files, how?: How): Promise<Apply>
}

export interface Apply {
  /** An apply, from spawn to exit. */
  run(): Promise<number>
  /** Any other command of terraform, in the same folder and sandbox. */
  command(...args: readonly string[]): Promise<number>
  close(): Promise<void>
}

export interface How {
  readonly identity?: Partial<Identity>
  /** A mirror that `bothy provider install` wrote: terraform starts the provider from there, and nobody serves it. */
  readonly mirror?: string
}

export type Files = ReadonlyMap<string, string>
export type Isolation = 'required' | 'preferred' | 'none'

/** Nothing that runs, and no provider but terraform's own. */
export const DATA: Files = new Map([['main.tf', 'resource "terraform_data" "x" {\n  input = 1\n}\n']])
export const HELLO: Files = new Map([['main.tf', readFileSync(join(EXAMPLE, 'hello', 'main.tf'), 'utf8')]])

const APPLY = ['apply', '-auto-approve', '-json', '-input=false']

export async function bareTerraform(place: Place, isolation: Isolation = 'preferred'): Promise<BareTerraform> {
  const stateDir = join(place.folder, `bare-${isolation}`)
  const { terraform, sandbox, backendRecord } = await prepareTerraform({
    chosen: null,
    searchPath: searchPath(),
    isolation,
    stateDir,
    clock: systemClock,
    log: silentLog,
  })
  return {
    sandbox: sandbox.description,
    async prepare(given, { identity = {}, mirror } = {}) {
      const jobId = newUid()
      const user = sandbox.userOf(jobId)
      const { digest, files } = normaliseTemplate(given)
      const cliConfig = mirror === undefined ? CLI_CONFIG : `${CLI_CONFIG}${terraformConfig(mirror)}`
      const folder = await makeFolder(folderOf(stateDir, jobId), { files, digest, state: null, backendRecord, user, cliConfig })
      if (folder.socketOutside) throw new Error(`${folder.path} is too long for a socket: choose a shorter TMPDIR`)
      const server = mirror === undefined ? await serveProvider(hostOf(jobId, identity), folder.socket, { clock: systemClock }) : null
      if (user !== null && server) await chown(folder.socket, user, user)
      const seen = sandbox.placeOf(folder.path)
      const served = environmentOf({ place: seen, socket: `${seen.folder}/p.sock`, variables: {}, passed: {} })
      const command = async (...args: readonly string[]): Promise<number> => {
        const env = server ? served : launchedEnvironment(served, identity)
        const launch = await sandbox.launch({ jobId, terraform, folder: folder.path, socket: null, args, env })
        return timed(async () => {
          const said: string[] = []
          const { code, stderr } = await startTerraform(launch, (line) => void said.push(line)).ended
          if (code !== 0) throw new Error(`terraform ${args[0]} exited with ${code}: ${stderr}${said.join('\n')}`)
        })
      }
      return {
        command,
        run: () => command(...APPLY),
        async close() {
          await server?.close()
          await sandbox.over(jobId)
          await removePath(folder.path)
        },
      }
    },
  }
}

/** Where terraform finds our provider by itself, as a person installs it. */
export async function installedMirror(place: Place): Promise<string> {
  const mirror = join(place.folder, 'mirror')
  await installProvider(mirror, '0.1.0', platformOf(process.platform, process.arch))
  return mirror
}

/** The same, but for who serves the provider: who asks is told by variables. */
function launchedEnvironment(
  served: Readonly<Record<string, string>>,
  { transition = 'start' }: Partial<Identity>,
): Record<string, string> {
  const { TF_REATTACH_PROVIDERS: _served, ...rest } = served
  const owner = { BOTHY_WORKSPACE_OWNER: 'ada', BOTHY_WORKSPACE_NAME: 'dev', BOTHY_WORKSPACE_TRANSITION: transition }
  return { ...rest, ...owner, PATH: `${dirname(process.execPath)}:${rest['PATH'] ?? ''}` }
}

/** Machines that are made by saying so: what ours cost is not terraform's. */
function hostOf(buildId: string, identity: Partial<Identity>): Host {
  const seen: ProcessSeen = { pid: 1, startedAt: '2026-01-01T00:00:00Z', home: '/home' }
  return {
    identity: {
      transition: 'start',
      buildId,
      workspace: { id: newUid(), name: 'dev' },
      owner: { id: newUid(), name: 'ada', fullName: 'Ada Lovelace', email: 'ada@example.org', groups: [] },
      template: { id: newUid(), name: 'hello', version: 'sha256:0' },
      parameters: new Map(),
      previousParameters: new Map(),
      accessUrl: 'http://127.0.0.1:1',
      ...identity,
    },
    machines: { process: { observe: async () => null, create: async () => seen, update: async () => seen, destroy: async () => {} } },
    reports: { parameter: () => {}, preset: () => {}, agent: async () => {}, creating: async () => {}, machine: () => {} },
  }
}
