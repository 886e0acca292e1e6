import { createServer } from 'node:http'
import { CONNECT_PATH } from '../../agent/protocol.ts'
import { createConnections, type Connections, type ConnectPorts } from '../../controller/connect/connections.ts'
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

export const EXEC_PATH = /^\/apis\/bothy\.dev\/v1alpha1\/namespaces\/([^/]+)\/workspaces\/([^/?]+)\/exec(?:\?agent=(.*))?$/

export async function startControlPlane(db: Db, port = 0, barred: ConnectPorts['barred'] = () => null): Promise<ControlPlane> {
  const metrics = createMetrics()
  const connections = await createConnections({ db, clock: systemClock, log: silentLog, metrics, replica: 'standalone', barred })
  const server = createServer((_request, answer) => answer.writeHead(404).end())
  server.on('upgrade', (request, socket, head) => {
    const exec = EXEC_PATH.exec(request.url ?? '')
    if (request.url === CONNECT_PATH) return connections.upgrade(request, socket, head)
    if (!exec) return socket.destroy()
    // A workspace's uid is its name here.
    const subject = { uid: exec[2] ?? '', namespace: exec[1] ?? '', name: exec[2] ?? '' }
    connections.execUpgrade({ subject, agentName: exec[3] ?? null, actor: 'ada' }, request, socket, head)
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
