import { createConnection } from 'node:net'
import { afterAll, expect, test } from 'vitest'
import { ownAuthority } from '../../controller/api/own-authority.ts'
import { openApi } from '../../controller/api/server.ts'
import { openStandalone } from '../../controller/cluster/standalone.ts'
import { systemClock } from '../../controller/kernel/clock.ts'
import { silentLog } from '../../controller/kernel/log.ts'
import { createMetrics } from '../../controller/kernel/metrics.ts'
import { openPasses } from '../../controller/store/passes.ts'
import { withDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'
import { get, TOKEN, type Sent } from './world.ts'

/** How a browser is let in to the API, and how far. */

const { db } = await withDatabase()
let now = systemClock.now()
const clock = { ...systemClock, now: () => now }
const key = Buffer.alloc(32, 1)
const passes = await openPasses({ db, clock, key })
const other = await openPasses({ db, clock, key })
const standalone = await openStandalone({ db, clock: systemClock, log: silentLog })
const refuse = () => Promise.reject(new Error('is not asked here'))
const entered: string[] = []
let stays = false
const api = await openApi(
  {
    clock: systemClock,
    log: silentLog,
    metrics: createMetrics(),
    version: '0.0.0-test',
    authority: ownAuthority({ token: TOKEN, user: 'ada' }),
  },
  { host: '127.0.0.1', port: 0, tls: null, insecure: false, hosts: [] },
)
// What this test does not ask for is not there.
const ports: Partial<Parameters<typeof api.open>[0]> = {
  cluster: standalone.cluster,
  db,
  checks: [],
  why: refuse,
  browser: {
    passes,
    openApp: async (wish) => ({ url: `http://apps/${wish.user}/${wish.by === '' ? 'token' : 'session'}` }),
    pageUrl: 'http://page/',
  },
  enter: ({ actor, service }, _request, socket) => {
    entered.push(`${actor} ${service}`)
    socket.write('HTTP/1.1 418 Met\r\n\r\n')
    socket.on('end', () => socket.end())
    if (!stays) socket.end()
  },
  connect: { path: '/agent/v1/connect', upgrade: (_request, socket) => socket.destroy() },
}
api.open(ports as Parameters<typeof api.open>[0])
afterAll(async () => {
  await api.close()
  await standalone.close()
  await Promise.all([passes.close(), other.close()])
})

const asked = async (method: string, path: string, token: string | null, body?: object, more: Sent = {}) => {
  const headers = {
    ...(token ? { authorization: `Bearer ${token}` } : {}),
    ...(body ? { 'content-type': 'application/json' } : {}),
    ...more,
  }
  const { status, body: text, headers: answered } = await get(api.port, path, headers, method, body ? JSON.stringify(body) : '')
  return { status, headers: answered, said: text.startsWith('{') ? (JSON.parse(text) as Record<string, string>) : {} }
}
const ticketOf = (url = '') => url.replace(/.*#ticket=/, '')

test('a ticket becomes a session once, within a minute, and a session may what the page does', async () => {
  const { said } = await asked('POST', '/bothy/v1/tickets', TOKEN, { for: 'page' })
  expect(said['url']).toMatch(/^http:\/\/page\/#ticket=bothy-PageTicket\./)
  const begun = await asked('POST', '/bothy/v1/session', null, { ticket: ticketOf(said['url']) })
  expect(begun.status).toBe(201)
  expect(begun.headers).not.toHaveProperty('set-cookie')
  const session = begun.said['token']!
  expect((await asked('POST', '/bothy/v1/session', null, { ticket: ticketOf(said['url']) })).status).toBe(401)

  const late = await asked('POST', '/bothy/v1/tickets', TOKEN, { for: 'page' })
  now += 61_000
  expect((await asked('POST', '/bothy/v1/session', null, { ticket: ticketOf(late.said['url']) })).status).toBe(401)
  expect((await asked('POST', '/bothy/v1/session', null, {})).status).toBe(401)
  expect((await asked('POST', '/bothy/v1/session', TOKEN, {})).status).toBe(201)
  // Forged: the same words under another key.
  const forger = await openPasses({ db, clock, key: Buffer.alloc(32, 2) })
  expect((await asked('GET', '/version', forger.issue('Page', { user: 'ada', groups: [], target: 'page', by: '' }))).status).toBe(401)
  await forger.close()

  expect((await asked('GET', '/version', session)).status).toBe(200)
  expect((await asked('GET', '/apis/bothy.dev/v1alpha1/workspaces', session)).status).toBe(200)
  for (const [method, path] of [
    ['GET', '/metrics'],
    ['GET', '/bothy/v1/status'],
    ['POST', '/bothy/v1/down'],
    ['POST', '/apis/bothy.dev/v1alpha1/namespaces/default/workspaces'],
    ['PATCH', '/apis/bothy.dev/v1alpha1/namespaces/default/workspaces/dev'],
    ['DELETE', '/apis/bothy.dev/v1alpha1/namespaces/default/workspaces/dev'],
    ['GET', '/apis/bothy.dev/v1alpha1/namespaces/default/workspaces/dev/files'],
  ])
    expect([method, path, (await asked(method!, path!, session)).status]).toEqual([method, path, 403])
  expect((await asked('POST', '/bothy/v1/tickets', session, { for: 'page' })).status).toBe(403)
  expect((await asked('POST', '/bothy/v1/session', session, {})).status).not.toBe(201)
  // Nobody's page may ask, whatever it has.
  expect((await asked('GET', '/version', session, undefined, { origin: 'http://evil.example' })).status).toBe(403)

  // Files go through no page, however their name is written.
  for (const files of ['files', '%66iles', 'file%73/'])
    expect((await asked('GET', `/apis/bothy.dev/v1alpha1/namespaces/default/workspaces/dev/${files}?op=read&path=x`, session)).status).toBe(
      403,
    )

  // It ends here, and at every other control plane on this database; so does what it made.
  const made = passes.issue('App', { user: 'ada', groups: [], target: 'x', by: passes.read('Page', session)!.id })
  expect(other.read('App', made)).not.toBeNull()
  expect((await asked('DELETE', '/bothy/v1/session', session)).status).toBe(200)
  expect((await asked('GET', '/version', session)).status).toBe(401)
  await until('the other to know', () => other.read('Page', session) === null && other.read('App', made) === null)
  now += 13 * 3_600_000
  expect((await asked('GET', '/version', (await asked('POST', '/bothy/v1/session', TOKEN, {})).said['token']!)).status).toBe(200)
})

/** Of the answer to a WebSocket that is asked for. */
const upgraded = async (to: string, headers: Sent = {}) =>
  (
    await get(api.port, to, {
      connection: 'Upgrade',
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': 'x',
      ...headers,
    })
  ).status

test('a terminal is opened with a ticket that is good for its path and once, never with a session in an address', async () => {
  const writer = { manager: 'test', user: 'ada' }
  const meta = { apiVersion: 'bothy.dev/v1alpha1', metadata: { name: 'dev', namespace: 'default' } }
  await standalone.cluster.create({ ...meta, kind: 'Workspace', spec: { template: { name: 'x' } } }, writer)
  const path = '/apis/bothy.dev/v1alpha1/namespaces/default/workspaces/dev/terminal'
  const session = (await asked('POST', '/bothy/v1/session', TOKEN, {})).said['token']!
  const ticket = async () => (await asked('POST', '/bothy/v1/tickets', session, { for: 'upgrade', path })).said['ticket']!
  const first = await ticket()
  expect(await upgraded(`${path.replace('terminal', 'exec')}?ticket=${first}`)).toBe(401)
  expect(await upgraded(`${path}?ticket=${first}`, { origin: 'http://evil.example' })).toBe(403)
  expect(await upgraded(`${path}?ticket=${first}`)).toBe(418)
  expect(await upgraded(`${path}?ticket=${first}`)).toBe(401)
  expect(await upgraded(`${path}?ticket=${session}`)).toBe(401)
  expect(await upgraded(path, { authorization: `Bearer ${session}` })).toBe(403)
  // It ends with the session that opened it.
  stays = true
  const mine = (await asked('POST', '/bothy/v1/session', TOKEN, {})).said['token']!
  const way = (await asked('POST', '/bothy/v1/tickets', mine, { for: 'upgrade', path })).said['ticket']!
  const open = createConnection(api.port, '127.0.0.1')
  let over = false
  open.on('close', () => (over = true)).on('error', () => {})
  open.write(`GET ${path}?ticket=${way} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n`)
  await new Promise((resolve) => open.on('data', resolve))
  await passes.end(passes.read('Page', session)!)
  expect(over).toBe(false)
  await asked('DELETE', '/bothy/v1/session', mine)
  await until('it to be cut', () => over)
  stays = false
  const again = (await asked('POST', '/bothy/v1/session', TOKEN, {})).said['token']!
  const late = (await asked('POST', '/bothy/v1/tickets', again, { for: 'upgrade', path })).said['ticket']!
  now += 31_000
  expect(await upgraded(`${path}?ticket=${late}`)).toBe(401)
  expect(entered).toEqual(['ada terminal', 'ada terminal'])
  expect((await asked('POST', '/bothy/v1/tickets', again, { for: 'upgrade', path: path.replace('terminal', 'exec') })).status).toBe(400)
  const opening = path.replace('terminal', 'open')
  expect((await asked('POST', opening, again, { app: 'web' })).said['url']).toBe('http://apps/ada/session')
  for (const body of [
    {},
    { app: 'a', port: '1' },
    { port: '99999' },
    { app: 'a', path: '//evil.example' },
    { app: 'a', path: '/\t/evil.example' },
    { app: 7 },
  ])
    expect((await asked('POST', opening, again, body)).status).toBe(400)
})

test('the page is kept by its digest, needs no token, and allows nothing inline', async () => {
  const index = await get(api.port, '/')
  expect(index.status).toBe(200)
  expect(index.headers['content-security-policy']).toMatch(/default-src 'none'; script-src 'self'; style-src 'self'/)
  expect(index.headers).toMatchObject({
    'x-frame-options': 'DENY',
    'cross-origin-opener-policy': 'same-origin',
    'cache-control': 'no-cache',
  })
  expect(index.body).not.toMatch(/<script>|<style|style=|@DIGEST@/)
  for (const [, path = ''] of index.body.matchAll(/(?:href|src)="(\/page\/[^"]+)"/g)) {
    const asset = await get(api.port, path)
    expect([path, asset.status, asset.headers['cache-control']]).toEqual([path, 200, 'public, max-age=31536000, immutable'])
    expect((await get(api.port, path, { 'if-none-match': asset.headers.etag ?? '' })).status).toBe(304)
  }
  expect((await get(api.port, '/page/../session.ts')).status).toBe(404)
  expect((await get(api.port, '/', {}, 'POST')).status).toBe(405)
})
