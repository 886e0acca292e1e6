import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import { ownAuthority } from '../../controller/api/own-authority.ts'
import { openApi } from '../../controller/api/server.ts'
import type { Cluster } from '../../controller/cluster/port.ts'
import { openStandalone } from '../../controller/cluster/standalone.ts'
import { systemClock } from '../../controller/kernel/clock.ts'
import { jsonLog } from '../../controller/kernel/log.ts'
import { createMetrics } from '../../controller/kernel/metrics.ts'
import { kubeconfigText } from '../../controller/kubeconfig.ts'
import { ownCertificate } from '../../controller/own-certificate.ts'
import type { Db } from '../../controller/store/pool.ts'
import { openKey } from '../../controller/store/sealed.ts'
import { withDatabase } from '../support/postgres.ts'

/**
 * The API of a control plane without a cluster, and the kubeconfig that leads kubectl to it. Nothing reconciles. Asked for at
 * the top of a file: what is registered to be closed inside a hook never is.
 */
export interface Plane {
  readonly cluster: Cluster
  readonly db: Db
  readonly url: string
  readonly token: string
  readonly ca: string
  readonly kubeconfig: string
  /** Everything that was logged. */
  logged(): string
  kubectl(args: string, input?: string): Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }>
}

const TOKEN = 'a-token-for-tests'
const refuse = () => Promise.reject(new Error('is not asked here'))

export async function withPlane(): Promise<Plane> {
  const home = mkdtempSync(join(tmpdir(), 'bothy-plane-'))
  const { db } = await withDatabase()
  const lines: string[] = []
  const log = jsonLog(systemClock, 'debug', (line) => lines.push(line))
  const sealer = await openKey({ file: join(home, 'key'), env: undefined, db })
  const standalone = await openStandalone({ db, clock: systemClock, log, sealer })
  const { ca, keys } = ownCertificate(home, [], systemClock.now())
  const authority = ownAuthority({ token: TOKEN, user: 'ada' })
  const door = { clock: systemClock, log, metrics: createMetrics(), version: '0.0.0-test', authority }
  const api = await openApi(door, { host: '127.0.0.1', port: 0, tls: null, own: keys, insecure: false, hosts: [] })
  api.open({
    cluster: standalone.cluster,
    db,
    checks: [],
    why: refuse,
    simulate: refuse,
    status: refuse,
    down: refuse,
    agentProgram: refuse,
    files: refuse,
    portsOf: async () => null,
    hostKeys: async () => ({}),
    enter: (_target, _request, socket) => socket.destroy(),
    connect: { path: '/agent/v1/connect', upgrade: (_request, socket) => socket.destroy() },
  })
  const url = `https://127.0.0.1:${api.port}`
  const kubeconfig = join(home, 'kubeconfig')
  writeFileSync(kubeconfig, kubeconfigText({ server: url, ca, token: TOKEN }))
  afterAll(async () => {
    await api.close()
    await standalone.close()
    rmSync(home, { recursive: true, force: true })
  })
  return {
    cluster: standalone.cluster,
    db,
    url,
    token: TOKEN,
    ca,
    kubeconfig,
    logged: () => lines.join('\n'),
    kubectl(args, input = '') {
      const env = { PATH: process.env['PATH'] ?? '', HOME: home, KUBECONFIG: kubeconfig, TZ: 'UTC' }
      const child = spawn('kubectl', ['--cache-dir', join(home, 'cache'), ...args.split(' ')], { env, stdio: ['pipe', 'pipe', 'pipe'] })
      let [stdout, stderr] = ['', '']
      child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
      child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
      child.stdin.on('error', () => {}).end(input)
      return new Promise((resolve) => child.on('close', (code) => resolve({ code: code ?? -1, stdout, stderr })))
    },
  }
}
