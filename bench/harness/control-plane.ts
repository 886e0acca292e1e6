import { cpSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { planeClient, type Client } from '../../cli/client.ts'
import { readEnvironment } from '../../cli/environment.ts'
import type { Place } from './place.ts'
import { BOTHY, EXAMPLE, node, startStaying, type Variables } from './programs.ts'

/** A `bothy up` of our own, as a process. */
export interface ControlPlane {
  readonly pid: number
  readonly client: Client
  /** Sends SIGINT, and answers the milliseconds until it was gone. Anything but a clean exit is an error. */
  end(): Promise<number>
}

const WORKSPACES = '/apis/bothy.dev/v1alpha1/namespaces/default/workspaces'

/** The template of the first example, without its workspace. */
export function declaredTemplate(place: Place, name = 'declared'): string {
  const folder = join(place.folder, name)
  mkdirSync(folder)
  for (const name of ['template.yaml', 'hello']) cpSync(join(EXAMPLE, name), join(folder, name), { recursive: true })
  return folder
}

export interface StartOptions {
  readonly port?: number
  /** Files that its Node loads first. */
  readonly preload?: readonly string[]
}

export async function startUp(
  place: Place,
  folder: string,
  env: Variables,
  { port = 0, preload = [] }: StartOptions = {},
): Promise<ControlPlane> {
  const loaded = preload.flatMap((file) => ['--import', file])
  const { pid, url, end } = await startStaying(place, [...loaded, ...BOTHY, 'up', folder, '--port', String(port)], {
    env,
    name: 'bothy up',
    tells: /bothy is up at (\S+)/,
    signal: 'SIGINT',
  })
  return { pid, client: clientOf(env, url), end }
}

const clientOf = (env: Variables, url: string): Client =>
  planeClient(readEnvironment(env), async () => ({
    url,
    token: readFileSync(join(env['BOTHY_STATE'] ?? '', 'token'), 'utf8').trim(),
    from: 'the bench',
    ca: null,
    through: null,
    isHere: true,
  }))

/** Every machine of the state folder ends. */
export const bringDown = (env: Variables): Promise<string> => node([...BOTHY, 'down'], env)

export const applyWorkspace = (client: Client, name: string, spec: Readonly<Record<string, unknown>> = {}): Promise<unknown> =>
  client.request('PUT', `${WORKSPACES}/${name}`, {
    query: { apply: 'true', fieldManager: 'bothy-cli' },
    body: {
      apiVersion: 'bothy.dev/v1alpha1',
      kind: 'Workspace',
      metadata: { name, namespace: 'default' },
      spec: { template: { name: 'hello' }, ...spec },
    },
  })

export const patchWorkspace = (client: Client, name: string, patch: unknown): Promise<unknown> =>
  client.request('PATCH', `${WORKSPACES}/${name}`, { body: patch, contentType: 'application/merge-patch+json' })

export const deleteWorkspace = (client: Client, name: string): Promise<unknown> => client.request('DELETE', `${WORKSPACES}/${name}`)
