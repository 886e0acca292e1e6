import { readFileSync } from 'node:fs'
import { chown } from 'node:fs/promises'
import { join } from 'node:path'
import { systemClock } from '../../controller/kernel/clock.ts'
import { silentLog } from '../../controller/kernel/log.ts'
import { newUid } from '../../controller/kernel/names.ts'
import { environmentOf } from '../../controller/provision/environment.ts'
import { folderOf, makeFolder, removePath } from '../../controller/provision/folder.ts'
import { prepareTerraform } from '../../controller/provision/prepare.ts'
import { startTerraform } from '../../controller/provision/terraform.ts'
import { normaliseTemplate } from '../../crds/files.ts'
import type { Host, ProcessSeen } from '../../provider/port.ts'
import { serveProvider } from '../../provider/serve.ts'
import { timed } from './bench.ts'
import type { Place } from './place.ts'
import { EXAMPLE, searchPath } from './programs.ts'

/** Terraform by itself: the same program, sandbox and environment that our builds have, and nothing of ours around it. */
export interface BareTerraform {
  /** Everything that can be ready before, and the one apply that is to be timed. */
  prepare(files: Files): Promise<Apply>
}

export interface Apply {
  /** From spawn to exit. */
  run(): Promise<number>
  close(): Promise<void>
}

export type Files = ReadonlyMap<string, string>

/** Nothing that runs, and no provider but terraform's own. */
export const DATA: Files = new Map([['main.tf', 'resource "terraform_data" "x" {\n  input = 1\n}\n']])
export const HELLO: Files = new Map([['main.tf', readFileSync(join(EXAMPLE, 'hello', 'main.tf'), 'utf8')]])

export async function bareTerraform(place: Place): Promise<BareTerraform> {
  const stateDir = join(place.folder, 'bare')
  const { terraform, sandbox, backendRecord } = await prepareTerraform({
    chosen: null,
    searchPath: searchPath(),
    isolation: 'preferred',
    stateDir,
    clock: systemClock,
    log: silentLog,
  })
  return {
    async prepare(given) {
      const jobId = newUid()
      const user = sandbox.userOf(jobId)
      const { digest, files } = normaliseTemplate(given)
      const folder = await makeFolder(folderOf(stateDir, jobId), { files, digest, state: null, backendRecord, user })
      if (folder.socketOutside) throw new Error(`${folder.path} is too long for a socket: choose a shorter TMPDIR`)
      const server = await serveProvider(hostOf(jobId), folder.socket, { clock: systemClock })
      if (user !== null) await chown(folder.socket, user, user)
      const seen = sandbox.placeOf(folder.path)
      const launch = await sandbox.launch({
        jobId,
        terraform,
        folder: folder.path,
        socket: null,
        args: ['apply', '-auto-approve', '-json', '-input=false'],
        env: environmentOf({ place: seen, socket: `${seen.folder}/p.sock`, variables: {}, passed: {} }),
      })
      return {
        run: () =>
          timed(async () => {
            const said: string[] = []
            const { code, stderr } = await startTerraform(launch, (line) => void said.push(line)).ended
            if (code !== 0) throw new Error(`terraform apply exited with ${code}: ${stderr}${said.join('\n')}`)
          }),
        async close() {
          await server.close()
          await sandbox.over(jobId)
          await removePath(folder.path)
        },
      }
    },
  }
}

/** Machines that are made by saying so: what ours cost is not terraform's. */
function hostOf(buildId: string): Host {
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
    },
    machines: { process: { observe: async () => null, create: async () => seen, update: async () => seen, destroy: async () => {} } },
    reports: { parameter: () => {}, preset: () => {}, agent: async () => {}, creating: async () => {}, machine: () => {} },
  }
}
