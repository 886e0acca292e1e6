import { onTestFinished } from 'vitest'
import type { ApiPorts } from '../../controller/api/ports.ts'
import { ownAuthority } from '../../controller/api/own-authority.ts'
import { openApi } from '../../controller/api/server.ts'
import type { Cluster } from '../../controller/cluster/port.ts'
import type { Connections } from '../../controller/connect/connections.ts'
import { systemClock } from '../../controller/kernel/clock.ts'
import { silentLog, type Log } from '../../controller/kernel/log.ts'
import { createMetrics } from '../../controller/kernel/metrics.ts'
import { agentProgram } from '../../controller/program/program.ts'
import type { Db } from '../../controller/store/pool.ts'

/** The real HTTP server of a control plane, with what agents need of it: their program, and where they dial in. */

const absent = () => Promise.reject(new Error('is not asked here'))

/** Every workspace runs, and its uid is its name; nothing else is asked of it. */
const cluster = {
  get: async (_kind: string, namespace: string, name: string) => ({ metadata: { uid: name, namespace, name }, status: {} }),
} as unknown as Cluster

export interface AgentsApi {
  readonly url: string
  readonly port: number
  close(): Promise<void>
}

export interface AgentsApiOptions {
  readonly stateDir: string
  readonly db: Db
  readonly connections?: Connections
  readonly host?: string
  readonly hosts?: readonly string[]
  readonly port?: number
  readonly log?: Log
}

export async function openAgentsApi(options: AgentsApiOptions): Promise<AgentsApi> {
  const { stateDir, db, connections, host = '127.0.0.1', hosts = [], port = 0, log = silentLog } = options
  const door = {
    clock: systemClock,
    log,
    metrics: createMetrics(),
    version: '0.0.0-test',
    authority: ownAuthority({ token: 'secret', user: 'ada' }),
  }
  const api = await openApi(door, { host, port, tls: null, insecure: host !== '127.0.0.1', hosts })
  const ports: Omit<ApiPorts, keyof typeof door> = {
    cluster,
    db,
    checks: [],
    why: absent,
    simulate: absent,
    status: absent,
    down: absent,
    files: async () => {
      throw new Error('no files here')
    },
    portsOf: async () => null,
    hostKeys: async () => ({}),
    enter: (target, request, socket, head) => (connections ? connections.enter(target, request, socket, head) : void socket.destroy()),
    agentProgram: async (platform) => (await agentProgram({ stateDir, clock: systemClock, ...platform })).archive(),
    connect: {
      path: '/agent/v1/connect',
      upgrade: (request, socket, head) => (connections ? connections.upgrade(request, socket, head) : void socket.destroy()),
    },
  }
  api.open(ports)
  const close = () => api.close()
  onTestFinished(close)
  return { url: `http://127.0.0.1:${api.port}`, port: api.port, close }
}
