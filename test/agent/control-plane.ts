import { createHash } from 'node:crypto'
import { createServer } from 'node:http'
import { CONNECT_PATH } from '../../agent/protocol.ts'
import { isBridged } from '../../controller/connect/bridged-services.ts'
import { createConnections, type Connections, type ConnectPorts } from '../../controller/connect/connections.ts'
import { hostKeyOf } from '../../controller/connect/host-key.ts'
import { systemClock } from '../../controller/kernel/clock.ts'
import { silentLog } from '../../controller/kernel/log.ts'
import { createMetrics } from '../../controller/kernel/metrics.ts'
import { openDb, type Db } from '../../controller/store/pool.ts'

/** The part of a control plane that agents and people connect to, over a real HTTP server. */

export interface ControlPlane {
  readonly url: string
  readonly port: number
  readonly connections: Connections
  close(): Promise<void>
}

/** As a state's key would make them. */
export const hostKey = (workspaceUid: string, agentName: string) =>
  hostKeyOf((purpose) => createHash('sha256').update(purpose).digest(), workspaceUid, agentName)

export const ENTER_PATH = /^\/apis\/bothy\.dev\/v1alpha1\/namespaces\/([^/]+)\/workspaces\/([^/?]+)\/([a-z]+)(?:\?(.*))?$/

export async function startControlPlane(
  db: Db,
  port = 0,
  barred: ConnectPorts['barred'] = () => null,
  more: Partial<ConnectPorts> = {},
): Promise<ControlPlane> {
  const metrics = createMetrics()
  const connections = await createConnections({
    db,
    clock: systemClock,
    log: silentLog,
    metrics,
    replica: 'standalone',
    barred,
    hostKey,
    ...more,
  })
  const server = createServer((_request, answer) => answer.writeHead(404).end())
  server.on('upgrade', (request, socket, head) => {
    const [, namespace = '', name = '', service = '', search = ''] = ENTER_PATH.exec(request.url ?? '') ?? []
    if (request.url === CONNECT_PATH) return connections.upgrade(request, socket, head)
    if (!isBridged(service)) return socket.destroy()
    // A workspace's uid is its name here.
    const query = new URLSearchParams(search)
    const subject = { uid: name, namespace, name }
    connections.enter({ subject, agentName: query.get('agent'), actor: 'ada', service, query }, request, socket, head)
  })
  await new Promise<void>((listening) => server.listen(port, '127.0.0.1', listening))
  const address = server.address()
  const bound = typeof address === 'object' && address ? address.port : 0
  return {
    url: `http://127.0.0.1:${bound}`,
    port: bound,
    connections,
    async close() {
      server.close()
      server.closeAllConnections()
      await connections.close()
    },
  }
}

if (import.meta.main) {
  const [, , url = '', port = '0'] = process.argv
  const plane = await startControlPlane(openDb(url, { log: silentLog, clock: systemClock, max: 4 }), Number(port))
  process.stdout.write(`${plane.port}\n`)
  process.stdin.resume().on('end', () => process.exit())
}
