import type { ContainerSeen, ContainerWanted } from '../machine-ports.ts'
import { itemsOf, problem } from '../schema/rules.ts'
import type { ObjectValue } from '../wire/values.ts'
import { listOf, numberOrNull, textOf, textsOf } from './hand.ts'
import { remoteMachine } from './remote-machine.ts'

const wantedBy = (planned: ObjectValue): ContainerWanted => ({
  name: textOf(planned, 'name'),
  agentId: textOf(planned, 'agent_id'),
  image: textOf(planned, 'image'),
  command: listOf(planned, 'command'),
  env: textsOf(planned, 'env'),
  workdir: textOf(planned, 'workdir') || null,
  user: textOf(planned, 'user') || null,
  cpus: numberOrNull(planned, 'cpus'),
  memoryMb: numberOrNull(planned, 'memory_mb'),
  network: textOf(planned, 'network') || null,
  privileged: planned['privileged'] === true,
  volumes: itemsOf(planned, 'volume').map((each) => ({
    name: textOf(each, 'name'),
    target: textOf(each, 'target'),
    readOnly: each['read_only'] === true,
    ephemeral: each['ephemeral'] === true,
  })),
  binds: itemsOf(planned, 'bind').map((each) => ({
    source: textOf(each, 'source'),
    target: textOf(each, 'target'),
    readOnly: each['read_only'] === true,
  })),
  hosts: itemsOf(planned, 'host').map((each) => ({ name: textOf(each, 'name'), ip: textOf(each, 'ip') })),
  labels: textsOf(planned, 'labels'),
})

const withSeen = (state: ObjectValue, seen: ContainerSeen): ObjectValue => ({
  ...state,
  id: seen.id,
  ip: seen.ip,
  image: seen.image,
  cpus: seen.cpus,
  memory_mb: seen.memoryMb,
})

const LIMITS = ['cpus', 'memory_mb'] as const
const isGiven = (object: ObjectValue, name: string): boolean => (object[name] ?? null) !== null

export const container = remoteMachine({
  type: 'bothy_container',
  portOf: (machines) => machines.container,
  missing: problem([], 'No containers here', 'By hand none are made: `bothy up` and `bothy provisioner` do that.'),
  missingAtPlan: false,
  wantedBy,
  withSeen,
  // Docker changes a limit while a container runs, and takes none away: without one it is another container.
  unsettled: (planned, before) => (LIMITS.some((name) => isGiven(before, name) && !isGiven(planned, name)) ? ['id', 'ip'] : []),
})
