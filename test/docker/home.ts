import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root, temporaryHome, type Home } from '../support/bothy.ts'
import type { Daemon } from '../support/docker.ts'
import { until } from '../support/until.ts'

/** The third example as a person has it, on a daemon of the test's own. */

export interface WorkspaceJson {
  readonly metadata: { readonly uid: string }
  readonly status: {
    readonly state: string
    readonly build: { readonly number: number; readonly reason: string; readonly phase: string; readonly message?: string }
    readonly conditions: readonly { readonly type: string; readonly status: string; readonly reason: string; readonly message: string }[]
  }
}

export interface DockerHome extends Home {
  workspace(): Promise<WorkspaceJson>
  running(build: number): Promise<WorkspaceJson>
  inside(script: string): Promise<string>
  /** Changes a value in workspace.yaml. */
  set(parameter: string, value: string): void
}

export function dockerHome(daemon: Daemon, image: string): DockerHome {
  const home = temporaryHome({ BOTHY_DOCKER: `unix://${daemon.socket}` })
  for (const name of readdirSync(home.folder)) rmSync(join(home.folder, name), { recursive: true })
  cpSync(join(root, 'examples', '03-docker'), home.folder, { recursive: true })
  const file = join(home.folder, 'workspace.yaml')
  const workspace = () => home.json<WorkspaceJson>('get', 'workspace', 'dev')
  const set = (parameter: string, value: string) => {
    const text = readFileSync(file, 'utf8')
    const changed = text.replace(new RegExp(`^( +${parameter}: ).*$`, 'm'), `$1'${value}'`)
    if (changed === text) throw new Error(`there is no ${parameter} in ${file}`)
    writeFileSync(file, changed)
  }
  set('image', image)
  set('memory', '256')
  return {
    ...home,
    workspace,
    set,
    running: (build) =>
      until(
        `build ${build} to run`,
        async () => {
          const seen = await workspace()
          const isRunning = seen.status.conditions.some(({ type, status }) => type === 'Running' && status === 'True')
          return seen.status.build.number === build && seen.status.build.phase === 'Succeeded' && isRunning ? seen : null
        },
        { limitMs: 150_000, everyMs: 200 },
      ).catch(async (error: unknown) => {
        const { stdout } = await home.run(['logs', 'dev'])
        throw new Error(`${String(error)}\n${JSON.stringify((await workspace()).status, null, 1)}\n${stdout}`)
      }),
    async inside(script) {
      const { code, stdout, stderr } = await home.run(['exec', 'dev', '--', 'sh', '-c', script])
      if (code !== 0) throw new Error(`exec ended with ${code}: ${stderr}`)
      return stdout.trim()
    },
  }
}
