import { createPrivateKey } from 'node:crypto'
import { createInterface } from 'node:readline'
import { ownAuthority } from '../../controller/api/own-authority.ts'
import type { ApiPorts } from '../../controller/api/ports.ts'
import { openApi, type Api } from '../../controller/api/server.ts'
import { openStandalone } from '../../controller/cluster/standalone.ts'
import { makeCertificate } from '../../controller/kernel/certificate.ts'
import { systemClock } from '../../controller/kernel/clock.ts'
import { silentLog } from '../../controller/kernel/log.ts'
import { createMetrics } from '../../controller/kernel/metrics.ts'
import { openDb } from '../../controller/store/pool.ts'
import { openKey } from '../../controller/store/sealed.ts'

/**
 * The API of a standalone as a process that is measured from within: `node hostile-plane.ts DATABASE_URL PORT` prints its
 * port, and for every line that it is sent how long its event loop was blocked at most since the line before, and what it holds.
 */

const [, , databaseUrl = '', port = '0'] = process.argv
const clock = systemClock
const log = silentLog
const metrics = createMetrics()
const db = openDb(databaseUrl, { log, clock, max: 12 })
const sealer = await openKey({ file: '', env: Buffer.alloc(32, 7).toString('base64'), db })
const { cluster } = await openStandalone({ db, clock, log, metrics, sealer })
const span = { from: clock.now() - 60_000, until: clock.now() + 3_600_000 }
const authority = makeCertificate({ name: 'test', hosts: [], use: 'authority', ...span, issuer: null })
const issuer = { name: 'test', key: createPrivateKey(authority.key) }
const server = makeCertificate({ name: 'localhost', hosts: ['localhost', '127.0.0.1'], use: 'server', ...span, issuer })
const ownersAlone = ownAuthority({ token: 'secret', user: 'ada' })
// Somebody else, of any name, who may the same.
const others = async (bearer: string) => {
  const user = /^secret-of-(\w+)$/.exec(bearer)?.[1]
  return user ? { user, groups: [], session: null, token: null } : null
}
const door = {
  clock,
  log,
  metrics,
  version: '0.0.0',
  authority: { ...ownersAlone, authenticate: async (bearer: string) => (await others(bearer)) ?? ownersAlone.authenticate(bearer) },
}
const own = { cert: server.certificate, key: server.key }
const api = await openApi(door, { host: '127.0.0.1', port: Number(port), tls: null, own, insecure: false, hosts: [] })
// What of the ports nobody needs here is not there.
const ports: Partial<Parameters<Api['open']>[0]> = {
  cluster,
  db,
  checks: [],
  status: async () => ({}),
  enter: (_target, _request, socket) => socket.destroy(),
  connect: { path: '/agent/v1/connect', upgrade: (_request, socket) => socket.destroy() },
}
api.open(ports as ApiPorts)
// What the one thread computed between two turns of its loop. By the time of its processor, so that it does not matter who else
// is busy on this machine.
const computed = (): number => {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1000
}
let last = computed()
let blockedMs = 0
setInterval(() => {
  const now = computed()
  blockedMs = Math.max(blockedMs, now - last)
  last = now
}, 5)
process.stdout.write(`${api.port}\n`)
const lines = createInterface({ input: process.stdin })
lines.on('line', () => {
  globalThis.gc?.()
  const { rss, heapUsed } = process.memoryUsage()
  process.stdout.write(`${JSON.stringify({ blockedMs, rssMB: rss / 2 ** 20, heapMB: heapUsed / 2 ** 20 })}\n`)
  last = computed()
  blockedMs = 0
})
lines.on('close', () => process.exit())
