import { createHash } from 'node:crypto'
import { ownAuthority } from '../../controller/api/own-authority.ts'
import { openApi } from '../../controller/api/server.ts'
import type { ApiPorts } from '../../controller/api/ports.ts'
import type { Cluster } from '../../controller/cluster/port.ts'
import { createConnections } from '../../controller/connect/connections.ts'
import { hostKeyOf } from '../../controller/connect/host-key.ts'
import { systemClock } from '../../controller/kernel/clock.ts'
import { jsonLog } from '../../controller/kernel/log.ts'
import { createMetrics } from '../../controller/kernel/metrics.ts'
import { openDb } from '../../controller/store/pool.ts'

/** What agents see of a control plane, as a process that can be measured and killed: `node plane.ts DATABASE_URL PORT` prints its port. */

const [, , databaseUrl = '', port = '0'] = process.argv
const log = jsonLog(systemClock, 'info', (line) => process.stderr.write(line))
const metrics = createMetrics()
const CONNECTIONS = 12
const db = openDb(databaseUrl, { log, clock: systemClock, max: CONNECTIONS })
const absent = () => Promise.reject(new Error('is not asked here'))
const door = { clock: systemClock, log, metrics, version: '0.0.0', authority: ownAuthority({ token: 'secret', user: 'ada' }) }
const api = await openApi(door, { host: '127.0.0.1', port: Number(port), tls: null, insecure: false, hosts: [] })
const connections = await createConnections({
  db,
  clock: systemClock,
  log,
  metrics,
  replica: 'standalone',
  barred: () => null,
  hostKey: (workspaceUid, name) => hostKeyOf((purpose) => createHash('sha256').update(purpose).digest(), workspaceUid, name),
})
// What of the ports people need is asked by nobody here.
const ports: Pick<ApiPorts, 'db' | 'checks' | 'status' | 'connect' | 'agentProgram'> & { readonly cluster: Cluster } = {
  cluster: {} as Cluster,
  db,
  checks: [],
  status: async () => ({ agents: connections.connected }),
  agentProgram: absent,
  connect: { path: '/agent/v1/connect', upgrade: connections.upgrade },
}
api.open(ports as ApiPorts)
process.stdout.write(`${api.port}\n`)
process.stdin.resume().on('end', () => process.exit())
