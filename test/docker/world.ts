import { chmodSync, copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { systemClock } from '../../controller/kernel/clock.ts'
import { silentLog } from '../../controller/kernel/log.ts'
import { containerMachines, type ContainerMachinesOptions } from '../../controller/machines/container.ts'
import { SOCKET_URL } from '../../controller/machines/container-spec.ts'
import { machineName } from '../../controller/machines/record.ts'
import type { ContainerMachines, ContainerWanted } from '../../provider/machine-ports.ts'
import type { Docker } from '../../controller/machines/docker.ts'
import { temporaryFolder } from '../support/temporary.ts'

/** Containers below a temporary state folder, with a shell script where the agent would be. */
export interface World {
  readonly stateDir: string
  readonly uid: string
  /** What the build's log was told. */
  readonly said: string[]
  nameOf(name?: string): string
  machines(more?: Partial<ContainerMachinesOptions>): ContainerMachines
}

/** Says what it was given, leaves an orphan behind, and waits; the start is written last. */
const AGENT = `#!/bin/sh
trap 'echo ended > /tmp/ended; exit 0' TERM
env | sort > /tmp/environment
cat "$BOTHY_AGENT_TOKEN_FILE" > /tmp/token
( ( sleep 0.1 ) & )
date >> /tmp/starts
while :; do sleep 60 & wait $!; done
`

export function createWorld(docker: Docker): World {
  const stateDir = temporaryFolder('bothy-containers-')
  const uid = randomUUID()
  const program = join(stateDir, 'program')
  mkdirSync(program)
  writeFileSync(join(program, 'agent'), AGENT)
  writeFileSync(join(program, 'bothy-agent'), '#!/bin/sh\nexec /bin/sh /opt/bothy/supervise.sh /opt/bothy/agent\n')
  copyFileSync(join(import.meta.dirname, '../../agent/supervise.sh'), join(program, 'supervise.sh'))
  for (const file of ['agent', 'bothy-agent']) chmodSync(join(program, file), 0o755)
  mkdirSync(join(stateDir, 'door'))
  const said: string[] = []
  return {
    stateDir,
    uid,
    said,
    nameOf: (name = 'main') => machineName(uid, name),
    machines: (more = {}) =>
      containerMachines({
        docker,
        stateDir,
        workspace: { uid, name: 'dev', owner: 'ada@example.com' },
        buildId: '7',
        clock: systemClock,
        log: silentLog,
        say: (line) => void said.push(line),
        tokenOf: (id) => (id.startsWith('agent') ? `secret-of-${id}` : null),
        allowed: new Set(),
        loginFor: async () => null,
        inside: async () => ({ program, door: join(stateDir, 'door'), url: SOCKET_URL }),
        ...more,
      }),
  }
}

export const wanted = (more: Partial<ContainerWanted> = {}): ContainerWanted => ({
  name: 'main',
  agentId: 'agent-1',
  image: 'bothy-test',
  command: [],
  env: { COLOUR: 'green' },
  workdir: null,
  user: null,
  cpus: null,
  memoryMb: null,
  network: 'none',
  privileged: false,
  volumes: [],
  binds: [],
  hosts: [],
  labels: {},
  ...more,
})

export const never: AbortSignal = new AbortController().signal

export const refusal = (work: Promise<unknown>): Promise<string> => work.then(() => 'nothing was refused', String)
