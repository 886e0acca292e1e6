import { createServer, request as ask, type IncomingHttpHeaders, type IncomingMessage, type RequestListener, type Server } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { randomUUID } from 'node:crypto'
import { afterAll, onTestFinished } from 'vitest'
import { openApps, type Apps } from '../../controller/apps/server.ts'
import { LIMITS, type AppsLimits } from '../../controller/apps/ports.ts'
import { createCache } from '../../controller/cluster/cache.ts'
import { openStandalone } from '../../controller/cluster/standalone.ts'
import { systemClock, type Clock } from '../../controller/kernel/clock.ts'
import { Refused } from '../../controller/kernel/errors.ts'
import { silentLog } from '../../controller/kernel/log.ts'
import { createMetrics } from '../../controller/kernel/metrics.ts'
import { NO_MANIFEST } from '../../controller/store/agent-manifests.ts'
import { openPasses, type Passes } from '../../controller/store/passes.ts'
import type { AgentApp, Subject } from '../../controller/store/records.ts'
import { startControlPlane } from '../agent/control-plane.ts'
import { makeAgent, reached, startAgent } from '../agent/world.ts'
import { withDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'

/** The apps' origin over a real store, real objects, real agents and real HTTP servers as apps. Only terraform is left out. */

export const TOKEN = 'the-token-of-the-api'
export const SUFFIX = '.apps.test'
const writer = { manager: 'test', user: 'ada' }

export const app = (slug: string, url: string, more: Partial<AgentApp> = {}): AgentApp => ({
  slug,
  url,
  command: '',
  healthcheck: null,
  displayName: '',
  icon: '',
  share: 'owner',
  subdomain: false,
  external: false,
  hidden: false,
  order: 0,
  group: '',
  openIn: 'tab',
  tooltip: '',
  ...more,
})

export interface World {
  readonly apps: Apps
  readonly passes: Passes
  readonly origin: string
  readonly suspended: Set<string>
  audits(): Promise<readonly { actor: string; action: string; subject: string; detail: Record<string, unknown> }[]>
  /** A running workspace with an agent that has these apps. */
  workspace(
    apps: readonly AgentApp[],
    more?: { readonly max?: string; readonly owner?: string; readonly connected?: boolean },
  ): Promise<Workspace>
}

export interface Workspace {
  readonly name: string
  readonly subject: Subject
  readonly path: (slug: string) => string
  readonly host: (slug: string) => string
  stop(): Promise<void>
  share(max: string): Promise<void>
  /** The cookie of somebody who was let in. */
  enter(
    what: { app: string } | { port: number },
    user?: string,
  ): Promise<{ readonly cookie: string; readonly url: URL; readonly host: string }>
  kill(): Promise<void>
}

const followed = async (what: string, is: () => boolean): Promise<void> => void (await until(what, is))

export async function withApps(limits: Partial<AppsLimits> = {}, clock: Clock = systemClock): Promise<World> {
  const { db } = await withDatabase()
  const standalone = await openStandalone({ db, clock: systemClock, log: silentLog })
  const { cluster } = standalone
  const cache = createCache({ cluster, clock: systemClock, log: silentLog }, ['Template', 'Workspace'])
  const watching = new AbortController()
  await cache.start(watching.signal)
  const suspended = new Set<string>()
  const plane = await startControlPlane(db)
  const passes = await openPasses({ db, clock, key: Buffer.alloc(32, 7) })
  const apps = await openApps(
    {
      db,
      clock: systemClock,
      log: silentLog,
      metrics: createMetrics(),
      cache,
      connections: plane.connections,
      passes,
      localUser: 'ada',
      barred: ({ name }) => (suspended.has(name) ? new Refused('Forbidden', 'The owner is suspended.') : null),
      mayConnect: async ({ user }) => user === 'ada',
      token: TOKEN,
      pageUrl: 'http://127.0.0.1:1/',
      program: 'bothy',
    },
    { host: '127.0.0.1', port: 0, portIsChosen: false, tls: null, url: null, suffix: SUFFIX, hosts: [] },
    { ...LIMITS, ...limits },
  )
  cache.onChange(() => apps.review())
  afterAll(async () => {
    await apps.close()
    await passes.close()
    await plane.close()
    watching.abort()
    await standalone.close()
  })

  return {
    apps,
    passes,
    origin: apps.outside.origin,
    suspended,
    audits: () => db.query('select actor, action, subject, detail from audit order by id'),
    async workspace(declared, { max = 'Public', owner, connected = true } = {}) {
      const name = `w${randomUUID().slice(0, 8)}`
      await cluster.create(
        {
          apiVersion: 'bothy.dev/v1alpha1',
          kind: 'Template',
          metadata: { name, namespace: 'default' },
          spec: { source: { type: 'Folder', folder: { path: './x' } }, sharing: { max } },
        },
        writer,
      )
      const made = await cluster.create(
        {
          apiVersion: 'bothy.dev/v1alpha1',
          kind: 'Workspace',
          metadata: { name, namespace: 'default' },
          spec: { template: { name }, ...(owner ? { owner } : {}) },
        },
        writer,
      )
      const status = (effective: string) => ({ status: { owner: owner ?? 'ada', power: { effective, reason: 'Created' } } })
      await cluster.patchStatus('Workspace', 'default', name, status('Running'), writer)
      const agent = await makeAgent(db, { ...NO_MANIFEST, apps: declared })
      const subject = { uid: made.metadata.uid, namespace: 'default', name }
      await db.query('update agents set workspace_uid = $2, workspace_key = $3 where id = $1', [
        agent.id,
        subject.uid,
        `Workspace/default/${name}`,
      ])
      const here = { ...agent, workspace: subject.uid }
      const running = connected ? startAgent(here, plane.url) : null
      if (connected) await reached(db, here, 'Ready')
      await followed('the cache', () => cache.get('Workspace', 'default', name)?.status !== undefined)
      await followed('the cache', () => JSON.stringify(cache.get('Workspace', 'default', name)?.status ?? {}).includes('Running'))
      return {
        name,
        subject,
        path: (slug) => `/@${owner ?? 'ada'}/${name}/apps/${slug}`,
        host: (slug) => `${slug}--main--${name}--${owner ?? 'ada'}${SUFFIX}:${apps.port}`,
        async stop() {
          await cluster.patchStatus('Workspace', 'default', name, status('Stopped'), writer)
          await followed('the cache', () => JSON.stringify(cache.get('Workspace', 'default', name)?.status).includes('Stopped'))
        },
        async share(to) {
          await cluster.patch('Template', 'default', name, { spec: { sharing: { max: to } } }, writer)
          await followed('the cache', () => JSON.stringify(cache.get('Template', 'default', name)?.spec).includes(`"${to}"`))
        },
        async enter(what, user = 'ada') {
          const opened = await apps.open({ subject, agent: null, what, rest: '/', user, groups: [], by: '' })
          if (!('url' in opened)) throw new Error('no url')
          const url = new URL(opened.url)
          const answer = await get(apps.port, url.pathname + url.search, { host: url.host })
          const [cookie = ''] = answer.headers['set-cookie'] ?? []
          if (answer.status !== 303) throw new Error(`entering answered ${answer.status}: ${answer.body}`)
          return { cookie: cookie.split(';')[0] ?? '', url: new URL(answer.headers.location ?? '/', url), host: url.host }
        },
        async kill() {
          running?.signal('SIGKILL')
          await running?.exited
        },
      }
    },
  }
}

export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

export interface Sent {
  readonly host?: string
  readonly [header: string]: string | undefined
}

export function get(port: number, path: string, headers: Sent = {}, method = 'GET', body = ''): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = ask({ host: '127.0.0.1', port, path, method, agent: false, headers: { host: `127.0.0.1:${port}`, ...headers } })
    sent.on('error', reject)
    sent.on(
      'response',
      (answer) =>
        void textOf(answer).then((text) => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: text }), reject),
    )
    sent.end(body)
  })
}

export async function textOf(answer: IncomingMessage): Promise<string> {
  const parts: Buffer[] = []
  for await (const part of answer) parts.push(Buffer.from(part))
  return Buffer.concat(parts).toString()
}

export interface Backend {
  readonly port: number
  readonly url: string
  readonly seen: { readonly method: string; readonly url: string; readonly headers: IncomingHttpHeaders }[]
  readonly server: Server
}

/** An app: what it is asked is kept. */
export async function backend(answer: RequestListener): Promise<Backend> {
  const seen: { method: string; url: string; headers: IncomingHttpHeaders }[] = []
  const sockets = new Set<Socket>()
  const server = createServer((request, response) => {
    seen.push({ method: request.method ?? '', url: request.url ?? '', headers: request.headers })
    answer(request, response)
  })
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  server.prependListener('upgrade', (request) => seen.push({ method: 'UPGRADE', url: request.url ?? '', headers: request.headers }))
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  const { port } = server.address() as AddressInfo
  const end = () => {
    for (const socket of sockets) socket.destroy()
    server.close()
  }
  onTestFinished(end)
  return { port, url: `http://127.0.0.1:${port}`, seen, server }
}
