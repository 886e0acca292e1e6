import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root, temporaryHome, type Home, type Up } from '../support/bothy.ts'
import type { TestNode } from '../support/node.ts'
import { freePort } from '../support/ports.ts'
import { until } from '../support/until.ts'

/** The fifth example as a person has it, on a cluster of the test's own. */

/** A pod has an agent to fetch, on a machine that does much else. */
const SEEN_MS = 150_000

export const IMAGE = 'docker.io/library/buildpack-deps:bookworm-curl'

export interface WorkspaceJson {
  readonly metadata: { readonly uid: string }
  readonly status: {
    readonly state: string
    readonly build?: { readonly number: number; readonly reason: string; readonly phase: string; readonly message?: string }
    readonly conditions?: readonly { readonly type: string; readonly status: string; readonly reason: string; readonly message: string }[]
  }
}

export interface PodSeen {
  readonly metadata: { readonly name: string; readonly uid: string; readonly labels: Readonly<Record<string, string>> }
  readonly spec: Readonly<Record<string, unknown>>
  readonly status: Readonly<Record<string, unknown>>
}

export interface PodsHome extends Home {
  readonly namespace: string
  /** SIGKILL of the control plane, and another in its place. */
  restart(): Promise<void>
  workspace(): Promise<WorkspaceJson>
  /** Until this build, or any, has ended and the workspace runs. */
  running(build?: number): Promise<WorkspaceJson>
  /** Until a build has failed with such a message; it is tried again meanwhile. */
  failed(message: RegExp): Promise<WorkspaceJson>
  inside(script: string): Promise<string>
  /** Changes a value in workspace.yaml. */
  set(parameter: string, value: string): void
  /** Changes the template. */
  edit(change: (terraform: string) => string): void
  objects<T = PodSeen>(kinds: string): Promise<readonly T[]>
}

const changed = (path: string, change: (text: string) => string) => {
  const before = readFileSync(path, 'utf8')
  const after = change(before)
  if (after === before) throw new Error(`nothing changed in ${path}`)
  writeFileSync(path, after)
}

/** In a namespace that holds everybody to the restricted standard. */
export async function podsHome(node: TestNode, more: Readonly<Record<string, string>> = {}): Promise<PodsHome> {
  const namespace = await node.namespace('workspaces')
  await node.kubectl(['label', 'namespace', namespace, 'pod-security.kubernetes.io/enforce=restricted'])
  const home = temporaryHome({
    BOTHY_KUBECONFIG: node.kubeconfig,
    BOTHY_POD_NAMESPACE: namespace,
    BOTHY_HOST: node.host,
    BOTHY_INSECURE: '1',
    ...more,
  })
  for (const name of readdirSync(home.folder)) rmSync(join(home.folder, name), { recursive: true })
  cpSync(join(root, 'examples', '05-kubernetes-pod'), home.folder, { recursive: true })
  const file = join(home.folder, 'workspace.yaml')
  const template = join(home.folder, 'pod', 'main.tf')
  const workspace = () => home.json<WorkspaceJson>('get', 'workspace', 'dev')
  const seen = (what: string, isThere: (workspace: WorkspaceJson) => boolean) =>
    until(
      what,
      async () => {
        const now = await workspace()
        return isThere(now) ? now : null
      },
      { limitMs: SEEN_MS, everyMs: 200 },
    ).catch(async (error: unknown) => {
      const { stdout } = await home.run(['logs', 'dev'])
      const events = await node.kubectl(['get', 'pods,events'], { namespace })
      const inits = ['logs', '--selector', 'bothy.dev/workspace', '--container', 'bothy-program']
      const fetching = await node.kubectl(inits, { namespace })
      const now = JSON.stringify((await workspace()).status, null, 1)
      throw new Error([String(error), now, stdout, events.stdout, fetching.stdout, fetching.stderr].join('\n'), { cause: error })
    })
  // An agent in a pod knows the address that it was made with.
  const port = String(await freePort())
  let last: Up | null = null
  const up = async (...args: string[]) => {
    last = await home.up('--port', port, ...args)
    if (last.exited() !== null) throw new Error(last.output())
    return last
  }
  return {
    ...home,
    namespace,
    up,
    async restart() {
      await last?.end('SIGKILL')
      await up()
    },
    workspace,
    set: (parameter, value) => changed(file, (text) => text.replace(new RegExp(`^( +${parameter}: ).*$`, 'm'), `$1'${value}'`)),
    edit: (change) => changed(template, change),
    running: (build) =>
      seen(
        `build ${build ?? ''} to run`,
        ({ status }) =>
          (build === undefined || status.build?.number === build) &&
          status.build?.phase === 'Succeeded' &&
          (status.conditions ?? []).some(({ type, status: is }) => type === 'Running' && is === 'True'),
      ),
    failed: (message) =>
      seen(`a build to fail with ${message}`, ({ status }) => status.build?.phase === 'Failed' && message.test(status.build.message ?? '')),
    async inside(script) {
      const { code, stdout, stderr } = await home.run(['exec', 'dev', '--', 'sh', '-c', script])
      if (code !== 0) throw new Error(`exec ended with ${code}: ${stderr}`)
      return stdout.trim()
    },
    async objects<T>(kinds: string) {
      const { stdout, stderr } = await node.kubectl(['get', kinds, '--selector', 'bothy.dev/workspace', '-o', 'json'], { namespace })
      if (stderr !== '') throw new Error(stderr)
      return (JSON.parse(stdout) as { items: T[] }).items
    },
  }
}
