import { readFileSync } from 'node:fs'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest, type RequestOptions } from 'node:https'
import { KubeConfig } from '@kubernetes/client-node'
import { openApi } from '../../../controller/api/server.ts'
import { ownAuthority } from '../../../controller/api/own-authority.ts'
import type { ApiPorts } from '../../../controller/api/ports.ts'
import { openStandalone } from '../../../controller/cluster/standalone.ts'
import { systemClock } from '../../../controller/kernel/clock.ts'
import { silentLog } from '../../../controller/kernel/log.ts'
import { createMetrics } from '../../../controller/kernel/metrics.ts'
import type { Db } from '../../../controller/store/pool.ts'

/** Whoever answers: HTTP as it goes over the wire, nothing in between. */
export interface Server {
  readonly name: 'real' | 'standalone'
  open(method: string, path: string, headers: Readonly<Record<string, string>>, body: string | undefined): Promise<IncomingMessage>
  close(): Promise<void>
}

export function realServer(kubeconfig: string): Server {
  const config = new KubeConfig()
  config.loadFromString(readFileSync(kubeconfig, 'utf8'))
  const base = new URL(config.getCurrentCluster()?.server ?? '')
  return {
    name: 'real',
    async open(method, path, headers, body) {
      const options: RequestOptions = { method, headers, agent: false }
      await config.applyToHTTPSOptions(options)
      return answered(
        httpsRequest,
        { ...options, host: base.hostname, port: base.port, path, headers: { ...options.headers, ...headers } },
        body,
      )
    },
    close: async () => {},
  }
}

const TOKEN = 'the-token-of-this-test'

const never = async (): Promise<never> => Promise.reject(new Error('nothing of this corpus asks for it'))

export async function standaloneServer(db: Db): Promise<Server> {
  const standalone = await openStandalone({ db, clock: systemClock, log: silentLog })
  const ports: ApiPorts = {
    cluster: standalone.cluster,
    db,
    clock: systemClock,
    log: silentLog,
    metrics: createMetrics(),
    version: '0.1.0',
    authority: ownAuthority({ token: TOKEN, user: 'ada' }),
    checks: [],
    why: never,
    simulate: never,
    status: never,
    down: never,
    agentProgram: never,
    enter: () => {},
    files: never,
    hostKeys: never,
    portsOf: never,
    connect: { path: '/agent/v1/connect', upgrade: (_request, socket) => socket.destroy() },
  }
  const api = await openApi(ports, { host: '127.0.0.1', port: 0, tls: null, insecure: false, hosts: [] })
  api.open(ports)
  return {
    name: 'standalone',
    open: (method, path, headers, body) =>
      answered(
        httpRequest,
        { host: '127.0.0.1', port: api.port, method, path, agent: false, headers: { authorization: `Bearer ${TOKEN}`, ...headers } },
        body,
      ),
    async close() {
      await api.close()
      await standalone.close()
    },
  }
}

function answered(request: typeof httpsRequest, options: RequestOptions, body: string | undefined): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) }
    const sent = request({ ...options, headers: { ...options.headers, ...length } })
    sent.on('response', resolve)
    sent.on('error', reject)
    sent.end(body)
  })
}
