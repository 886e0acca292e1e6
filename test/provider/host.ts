import type {
  AgentSeen,
  Host,
  Identity,
  ParameterSeen,
  PresetSeen,
  ProcessMachines,
  ProcessSeen,
  ProcessWanted,
} from '../../provider/port.ts'

/** A host that writes down what it is told, and machines that exist only in a map. */

export interface RecordingHost extends Host {
  readonly agents: AgentSeen[]
  readonly parameters: ParameterSeen[]
  readonly presets: PresetSeen[]
  readonly machinesSeen: { readonly type: string; readonly name: string; readonly present: boolean }[]
  /** What was done to machines, in order. */
  readonly done: string[]
  /** The machines there are; kept from host to host like the world is from build to build. */
  readonly world: World
}

export type World = Map<string, { readonly wanted: ProcessWanted; readonly seen: ProcessSeen }>

export const IDENTITY: Identity = {
  transition: 'start',
  buildId: 'build-1',
  workspace: { id: '0b6a6f3c-30a8-4a3c-9a57-1d8a6f1f0c11', name: 'dev' },
  owner: { id: 'owner-1', name: 'ada', fullName: 'Ada Lovelace', email: 'ada@example.org', groups: ['makers', 'readers'] },
  template: { id: 'template-1', name: 'node', version: 'sha256:0123' },
  parameters: new Map(),
  previousParameters: new Map(),
  accessUrl: 'http://127.0.0.1:7080',
}

export function recordingHost(identity: Partial<Identity> = {}, world: World = new Map(), pid = { next: 1000 }): RecordingHost {
  const done: string[] = []
  const agents: AgentSeen[] = []
  const parameters: ParameterSeen[] = []
  const presets: PresetSeen[] = []
  const machinesSeen: { type: string; name: string; present: boolean }[] = []
  const put = (wanted: ProcessWanted) => {
    const seen = { pid: pid.next++, startedAt: '2026-11-21T08:00:00Z', home: wanted.home ?? '/state/workspaces/home' }
    world.set(wanted.name, { wanted, seen })
    return seen
  }
  const process: ProcessMachines = {
    observe: async (name) => world.get(name)?.seen ?? null,
    async create(wanted) {
      done.push(`create ${wanted.name}`)
      return put(wanted)
    },
    async update(wanted) {
      done.push(`update ${wanted.name}`)
      return put(wanted)
    },
    async destroy(name, { removeHome }) {
      done.push(`destroy ${name}${removeHome ? ' with its home' : ''}`)
      world.delete(name)
    },
  }
  return {
    identity: { ...IDENTITY, ...identity },
    agents,
    parameters,
    presets,
    machinesSeen,
    done,
    world,
    machines: { process },
    reports: {
      parameter: (seen) => void parameters.push(seen),
      preset: (seen) => void presets.push(seen),
      agent: async (seen) => void agents.push(seen),
      creating: async ({ name }) => void done.push(`intent ${name}`),
      machine: (seen) => void machinesSeen.push(seen),
    },
  }
}
