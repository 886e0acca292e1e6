import { isRefusedWith, type Docker } from './docker.ts'
import { LABEL, limitsIn } from './container-spec.ts'

/** What Docker keeps, and which of it is ours. */

export interface ContainerFound {
  readonly id: string
  readonly running: boolean
  /** It ran once. One that never did was left half made. */
  readonly ran: boolean
  readonly image: string
  readonly labels: Readonly<Record<string, string>>
  readonly ip: string
  readonly user: string
  readonly cpus: number | null
  readonly memoryMb: number | null
  readonly volumes: readonly string[]
}

interface Inspected {
  readonly Id: string
  readonly State: { readonly Running?: boolean; readonly StartedAt?: string }
  readonly Config: { readonly Image: string; readonly User?: string; readonly Labels?: Readonly<Record<string, string>> | null }
  readonly HostConfig: { readonly NanoCpus?: number; readonly Memory?: number }
  readonly NetworkSettings?: { readonly Networks?: Readonly<Record<string, { readonly IPAddress?: string }>> | null }
  readonly Mounts?: readonly { readonly Type?: string; readonly Name?: string }[]
}

/** How Docker writes that something did not happen. */
const NEVER = '0001-'

export async function containerNamed(docker: Docker, name: string): Promise<ContainerFound | null> {
  try {
    const found = (await docker.call('GET', `/containers/${name}/json`)).json as Inspected
    return {
      id: found.Id,
      running: found.State.Running === true,
      ran: !(found.State.StartedAt ?? NEVER).startsWith(NEVER),
      image: found.Config.Image,
      user: found.Config.User ?? '',
      labels: found.Config.Labels ?? {},
      ip: Object.values(found.NetworkSettings?.Networks ?? {}).find(({ IPAddress }) => IPAddress)?.IPAddress ?? '',
      volumes: (found.Mounts ?? []).flatMap(({ Type, Name }) => (Type === 'volume' && Name ? [Name] : [])),
      ...limitsIn(found.HostConfig),
    }
  } catch (error) {
    if (isRefusedWith(error, 404)) return null
    throw error
  }
}

export type Kept = 'containers' | 'volumes' | 'networks'

const PATHS: Readonly<Record<Kept, { readonly list: string; readonly query: Readonly<Record<string, string>> }>> = {
  containers: { list: '/containers/json', query: { all: '1' } },
  volumes: { list: '/volumes', query: {} },
  networks: { list: '/networks', query: {} },
}

/** The names or ids of everything of one kind that carries this workspace's label. */
export async function ofWorkspace(docker: Docker, kind: Kept, uid: string): Promise<readonly string[]> {
  const { list, query } = PATHS[kind]
  const filters = JSON.stringify({ label: [`${LABEL.workspace}=${uid}`] })
  const { json } = await docker.call('GET', list, { query: { ...query, filters } })
  const items = (kind === 'volumes' ? (json as { Volumes?: unknown[] | null }).Volumes : json) ?? []
  return (items as { readonly Id?: string; readonly Name?: string }[]).flatMap((each) => each.Id ?? each.Name ?? [])
}

/** Gone already is as good as removed. */
export async function removed(docker: Docker, path: string, query: Readonly<Record<string, string>> = {}): Promise<void> {
  try {
    await docker.call('DELETE', path, { query, limitMs: 60_000 })
  } catch (error) {
    if (!isRefusedWith(error, 404)) throw error
  }
}

/** The bytes of one small file of a container, which need not run. null: there is none. */
export async function fileIn(docker: Docker, id: string, path: string): Promise<Buffer | null> {
  try {
    const { bytes } = await docker.call('GET', `/containers/${id}/archive`, { query: { path } })
    return firstFile(bytes)
  } catch (error) {
    if (isRefusedWith(error, 404)) return null
    throw error
  }
}

export async function hasFile(docker: Docker, id: string, path: string): Promise<boolean> {
  try {
    await docker.call('HEAD', `/containers/${id}/archive`, { query: { path } })
    return true
  } catch (error) {
    if (isRefusedWith(error, 404)) return false
    throw error
  }
}

const BLOCK = 512
const SIZE_AT = { start: 124, end: 136 } as const
const KIND_AT = 156
const PLAIN_FILE: ReadonlySet<string> = new Set(['0', '\0'])

/** The first plain file of a tar: what Docker answers when it is asked for one. Extended headers come before it. */
export function firstFile(tar: Buffer): Buffer | null {
  for (let at = 0; at + BLOCK <= tar.length;) {
    const size = Number.parseInt(tar.toString('latin1', at + SIZE_AT.start, at + SIZE_AT.end), 8)
    if (!Number.isSafeInteger(size) || size < 0) return null
    const kind = tar.toString('latin1', at + KIND_AT, at + KIND_AT + 1)
    if (PLAIN_FILE.has(kind)) return tar.subarray(at + BLOCK, at + BLOCK + size)
    at += BLOCK + Math.ceil(size / BLOCK) * BLOCK
  }
  return null
}
