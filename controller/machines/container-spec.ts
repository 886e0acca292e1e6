import type { ContainerWanted } from '../../provider/machine-ports.ts'
import type { Diagnostic } from '../../provider/schema/model.ts'
import { problem } from '../../provider/schema/rules.ts'
import { sha256, shortUid } from '../kernel/names.ts'

/** What Docker is asked for, from what a template wants. Pure. */

/** What an operator may allow templates beyond what is harmless to the host and to others. */
export const ALLOWANCES = ['bind', 'privileged', 'host-network', 'networks'] as const
export type Allowance = (typeof ALLOWANCES)[number]

export interface ContainerWorkspace {
  readonly uid: string
  readonly name: string
  readonly owner: string
}

/** How the agent gets into a container, and from there to the control plane. */
export interface Inside {
  /** A folder with the agent's program. */
  readonly program: string
  readonly tokenFile: string
  /** A folder with the control plane's socket; null: the url is another's. */
  readonly door: string | null
  readonly url: string
}

export const LABEL = {
  workspace: 'bothy.dev/workspace',
  workspaceName: 'bothy.dev/workspace-name',
  owner: 'bothy.dev/owner',
  build: 'bothy.dev/build',
  machine: 'bothy.dev/machine',
  inputs: 'bothy.dev/inputs',
} as const

const PROGRAM = '/opt/bothy'
const DOOR = '/run/bothy'
export const TOKEN = '/run/bothy-agent/token'
export const SOCKET_URL = `unix://${DOOR}/agent.sock`

const PIDS_MAX = 8192
const STOP_S = 10
const MEBIBYTE = 1024 * 1024
const NANO = 1e9

export const networkName = (uid: string): string => `bothy-${shortUid(uid)}`
export const volumeName = (uid: string, name: string): string => `bothy-${shortUid(uid)}-v-${name}`

const refuse = (name: string, what: string, allowance: Allowance): Diagnostic =>
  problem(
    [name],
    `${what} not allowed`,
    `The operator of this provisioner does not allow it. BOTHY_CONTAINER_ALLOW=${allowance} in its environment does.`,
  )

export function refusedOf(wanted: ContainerWanted, allowed: ReadonlySet<string>): readonly Diagnostic[] {
  const { network } = wanted
  return [
    ...(wanted.binds.length > 0 && !allowed.has('bind') ? [refuse('bind', 'Folders of the host are', 'bind')] : []),
    ...(wanted.privileged && !allowed.has('privileged') ? [refuse('privileged', 'Privileged containers are', 'privileged')] : []),
    ...(network === 'host' && !allowed.has('host-network') ? [refuse('network', 'The network of the host is', 'host-network')] : []),
    ...(network !== null && !OWN_NETWORKS.has(network) && network !== 'host' && !allowed.has('networks')
      ? [refuse('network', `The network "${network}" is`, 'networks')]
      : []),
  ]
}

/** `workspace` is made for the workspace; the others hold nobody else's containers within reach of a name. */
const OWN_NETWORKS: ReadonlySet<string> = new Set(['none', 'bridge', 'workspace'])

/** Everything a running container cannot take over. The agent's program is not in it: a newer one comes with the next container. */
export function inputsOf(wanted: ContainerWanted, { url }: Pick<Inside, 'url'>): string {
  const { cpus: _cpus, memoryMb: _memory, ...rest } = wanted
  return sha256(JSON.stringify({ ...rest, env: sorted(wanted.env), labels: sorted(wanted.labels), url }))
}

const sorted = (map: Readonly<Record<string, string>>) => Object.entries(map).toSorted(([a], [b]) => (a < b ? -1 : 1))

/** The command beside the agent has nothing of the agent's, and gets a TERM when the agent has ended. */
export const BESIDE = `hidden='-u BOTHY_AGENT_ID -u BOTHY_AGENT_TOKEN_FILE -u BOTHY_URL -u BOTHY_MACHINE'
env $hidden "$@" &
beside=$!
${PROGRAM}/bothy-agent &
agent=$!
trap 'kill -TERM "$agent" 2>/dev/null' TERM INT HUP
code=0
while kill -0 "$agent" 2>/dev/null; do wait "$agent"; code=$?; done
kill -TERM "$beside" 2>/dev/null
while kill -0 "$beside" 2>/dev/null; do wait "$beside" 2>/dev/null; done
exit "$code"`

/** The program's own name is never a container's argument list of secrets: what it needs is in files and names of files. */
const entrypointOf = ({ command }: ContainerWanted): readonly string[] =>
  command.length === 0 ? [`${PROGRAM}/bothy-agent`] : ['/bin/sh', '-c', BESIDE, 'bothy', ...command]

export interface Naming {
  readonly workspace: ContainerWorkspace
  readonly buildId: string
  readonly machine: string
}

export const labelsOf = ({ workspace, buildId }: Naming): Record<string, string> => ({
  [LABEL.workspace]: workspace.uid,
  [LABEL.workspaceName]: workspace.name,
  [LABEL.owner]: workspace.owner,
  [LABEL.build]: buildId,
})

export function bodyOf(wanted: ContainerWanted, naming: Naming, inside: Inside): Readonly<Record<string, unknown>> {
  const { workspace } = naming
  const ownNetwork = wanted.network === 'workspace' ? networkName(workspace.uid) : wanted.network
  return {
    Image: wanted.image,
    Hostname: workspace.name.slice(0, 63),
    Entrypoint: entrypointOf(wanted),
    Cmd: [],
    Env: Object.entries(environmentOf(wanted, naming, inside)).map(([name, value]) => `${name}=${value}`),
    Labels: { ...wanted.labels, ...labelsOf(naming), [LABEL.machine]: wanted.name, [LABEL.inputs]: inputsOf(wanted, inside) },
    StopSignal: 'SIGTERM',
    StopTimeout: STOP_S,
    // What the image watches over is its own program, which does not run.
    Healthcheck: { Test: ['NONE'] },
    ...(wanted.workdir === null ? {} : { WorkingDir: wanted.workdir }),
    ...(wanted.user === null ? {} : { User: wanted.user }),
    HostConfig: {
      ...limitsOf(wanted),
      Mounts: mountsOf(wanted, workspace, inside),
      ...(ownNetwork === null ? {} : { NetworkMode: ownNetwork }),
      Privileged: wanted.privileged,
      ExtraHosts: wanted.hosts.map(({ name, ip }) => `${name}:${ip}`),
      PidsLimit: PIDS_MAX,
      RestartPolicy: { Name: 'no' },
      LogConfig: { Type: 'json-file', Config: { 'max-size': '4m', 'max-file': '2' } },
    },
    ...(wanted.network === 'workspace' && ownNetwork !== null
      ? { NetworkingConfig: { EndpointsConfig: { [ownNetwork]: { Aliases: [wanted.name] } } } }
      : {}),
  }
}

/** Also what an update of a running container says. Swap beyond the memory would make a limit that nobody feels. */
export const limitsOf = ({ cpus, memoryMb }: Pick<ContainerWanted, 'cpus' | 'memoryMb'>): Readonly<Record<string, number>> => ({
  ...(cpus === null ? {} : { NanoCpus: Math.round(cpus * NANO) }),
  ...(memoryMb === null ? {} : { Memory: memoryMb * MEBIBYTE, MemorySwap: memoryMb * MEBIBYTE }),
})

/** Zero is how Docker says that there is none. */
export const limitsIn = (host: {
  readonly NanoCpus?: number
  readonly Memory?: number
}): { cpus: number | null; memoryMb: number | null } => ({
  cpus: host.NanoCpus ? host.NanoCpus / NANO : null,
  memoryMb: host.Memory ? host.Memory / MEBIBYTE : null,
})

const environmentOf = (wanted: ContainerWanted, { workspace, machine }: Naming, { url }: Inside): Readonly<Record<string, string>> => ({
  ...wanted.env,
  BOTHY_AGENT_ID: wanted.agentId,
  BOTHY_AGENT_TOKEN_FILE: TOKEN,
  BOTHY_URL: url,
  // Not like a process on this machine is marked: whoever ends those must not find these.
  BOTHY_MACHINE: `container/${machine}`,
  BOTHY_WORKSPACE_NAME: workspace.name,
  BOTHY_WORKSPACE_OWNER: workspace.owner,
  CODER_WORKSPACE_NAME: workspace.name,
  CODER_WORKSPACE_OWNER: workspace.owner,
  CODER_WORKSPACE_OWNER_NAME: workspace.owner,
})

const bind = (Source: string, Target: string, ReadOnly: boolean) => ({ Type: 'bind', Source, Target, ReadOnly })

function mountsOf(wanted: ContainerWanted, { uid }: ContainerWorkspace, { program, tokenFile, door }: Inside): readonly object[] {
  return [
    bind(program, PROGRAM, true),
    bind(tokenFile, TOKEN, true),
    ...(door === null ? [] : [bind(door, DOOR, true)]),
    ...wanted.volumes.map(({ name, target, readOnly }) => ({
      Type: 'volume',
      Source: volumeName(uid, name),
      Target: target,
      ReadOnly: readOnly,
    })),
    ...wanted.binds.map(({ source, target, readOnly }) => bind(source, target, readOnly)),
  ]
}
