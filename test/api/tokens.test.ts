import { request, type IncomingMessage } from 'node:http'
import { connect as connectTcp } from 'node:net'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { ownAuthority, type OwnAuthority } from '../../controller/api/own-authority.ts'
import type { ApiPorts } from '../../controller/api/ports.ts'
import { openApi, type Api } from '../../controller/api/server.ts'
import { openStandalone, type Standalone } from '../../controller/cluster/standalone.ts'
import { systemClock } from '../../controller/kernel/clock.ts'
import { silentLog } from '../../controller/kernel/log.ts'
import { createMetrics } from '../../controller/kernel/metrics.ts'
import { openTokens, type Tokens } from '../../controller/store/tokens.ts'
import { withDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'

/** Tokens that were made for a purpose, from outside. */

const OWNER = 'the-token-of-the-state-folder'
const WORKSPACES = '/apis/bothy.dev/v1alpha1/namespaces/default/workspaces'
const { db } = await withDatabase()
let api: Api
let standalone: Standalone
let tokens: Tokens
let other: Tokens
let authority: OwnAuthority
/** How often an object was looked up, and what each look waits for. */
let looks = 0
let mayLook = Promise.resolve()

beforeAll(async () => {
  standalone = await openStandalone({ db, clock: systemClock, log: silentLog })
  tokens = await openTokens({ db, clock: systemClock })
  other = await openTokens({ db, clock: systemClock })
  authority = ownAuthority({ token: OWNER, user: 'ada' })
  api = await openApi(
    { clock: systemClock, log: silentLog, metrics: createMetrics(), version: '0.0.0', authority },
    { host: '127.0.0.1', port: 0, tls: null, insecure: false, hosts: [] },
  )
  // What these tests do not ask for is not there.
  const ports: Partial<Parameters<Api['open']>[0]> = {
    cluster: {
      ...standalone.cluster,
      async get(...asked) {
        looks += 1
        await mayLook
        return standalone.cluster.get(...asked)
      },
    },
    db,
    checks: [],
    tokens,
    status: async () => ({}),
    enter: (_target, _request, socket) =>
      socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: test\r\n\r\nin'),
    connect: { path: '/agent/v1/connect', upgrade: (_request, socket) => socket.destroy() },
  }
  // As at a start: whoever comes before is told that it is too early.
  expect((await ask('GET', '/version', { token: 'bothy_early' })).code).toBe(503)
  authority.open(tokens)
  api.open(ports as ApiPorts)
  expect((await ask('POST', WORKSPACES, { body: workspace('dev') })).code).toBe(201)
})

afterAll(async () => {
  await api.close()
  await standalone.close()
  await Promise.all([tokens.close(), other.close()])
})

const workspace = (name: string) => ({
  apiVersion: 'bothy.dev/v1alpha1',
  kind: 'Workspace',
  metadata: { name, namespace: 'default' },
  spec: { template: { name: 'hello' } },
})

interface Ask {
  readonly token?: string | null
  readonly body?: unknown
}

const opened = (method: string, path: string, { token = OWNER, body }: Ask = {}): Promise<IncomingMessage> =>
  new Promise((resolve, reject) => {
    const headers = {
      ...(token === null ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    }
    const sent = request({ host: '127.0.0.1', port: api.port, method, path, agent: false, headers }, resolve)
    sent.on('error', reject)
    sent.end(body === undefined ? undefined : JSON.stringify(body))
  })

async function ask(method: string, path: string, more: Ask = {}) {
  const answer = await opened(method, path, more)
  let text = ''
  for await (const chunk of answer) text += String(chunk)
  return { code: answer.statusCode ?? 0, text, body: JSON.parse(text === '' ? 'null' : text) as Record<string, unknown> }
}

const made = async (name: string, more: object = {}) => {
  const { code, body } = await ask('POST', '/bothy/v1/tokens', { body: { name, scope: 'read', expiresInSeconds: 3600, ...more } })
  expect([name, code, body['message']]).toEqual([name, 201, undefined])
  return String(body['token'])
}

test('one is shown once, kept as a hash, and does what its scope says', async () => {
  const token = await made('reader', { namespaces: ['default'] })
  expect(token).toMatch(/^bothy_[\w-]{43}$/)
  expect((await ask('GET', WORKSPACES, { token })).code).toBe(200)
  const refused = await ask('POST', WORKSPACES, { token, body: workspace('mine') })
  expect([refused.code, refused.body['reason']]).toEqual([403, 'Forbidden'])
  expect(refused.body['message']).toBe(
    'workspaces.bothy.dev is forbidden: User "token:reader" cannot create resource "workspaces" in API group "bothy.dev" in the namespace "default": a token of scope "read" in default may not',
  )
  expect((await ask('GET', '/apis/bothy.dev/v1alpha1/workspaces', { token })).code).toBe(403)
  const rows = JSON.stringify(await db.query('select * from tokens'))
  expect(rows).toContain('"reader"')
  expect(rows).not.toContain(token)
  const list = await ask('GET', '/bothy/v1/tokens')
  expect(list.text).not.toContain(token)
  expect(list.body['items']).toMatchObject([
    { name: 'reader', scope: 'read', namespaces: ['default'], createdBy: 'ada', usedAt: expect.any(String) },
  ])
  await until('the use to be kept', async () => {
    const [row] = await db.query<{ used_at: number | null }>("select used_at from tokens where name = 'reader'")
    return row?.used_at
  })
})

test('what somebody did with it is noted under its name', async () => {
  const token = await made('builder', { scope: 'workspaces' })
  expect((await ask('POST', WORKSPACES, { token, body: workspace('built') })).code).toBe(201)
  const rows = await db.query('select actor, action, subject from audit order by id')
  expect(rows).toContainEqual({ actor: 'token:builder', action: 'create', subject: 'Workspace/default/built' })
  expect(rows).toContainEqual({ actor: 'ada', action: 'token-create', subject: 'Token//builder' })
})

test('no other is made, listed or revoked with it, and no way in for browsers', async () => {
  const token = await made('climber', { scope: 'declare' })
  for (const [method, path, body] of [
    ['POST', '/bothy/v1/tokens', { name: 'more', scope: 'declare', expiresInSeconds: null }],
    ['GET', '/bothy/v1/tokens', undefined],
    ['DELETE', '/bothy/v1/tokens?name=reader', undefined],
    ['POST', '/bothy/v1/tickets', { for: 'page' }],
    ['POST', '/bothy/v1/down', undefined],
  ] as const)
    expect([path, (await ask(method, path, { token, body })).code]).toEqual([path, 403])
})

test('revoking it cuts what it opened, in that moment', async () => {
  const token = await made('leaver', { scope: 'use' })
  const watch = await opened('GET', `${WORKSPACES}?watch=true`, { token })
  let isCut = false
  watch
    .on('error', () => {})
    .on('close', () => (isCut = true))
    .resume()
  const kept = await opened('GET', `${WORKSPACES}?watch=true`)
  onTestFinished(() => void kept.destroy())
  let keptIsCut = false
  kept
    .on('error', () => {})
    .on('close', () => (keptIsCut = true))
    .resume()
  const inside = await entered(token)
  // As another replica, or a command on another machine, would.
  expect(await other.revoke('leaver')).toMatchObject({ name: 'leaver', scope: 'use' })
  await until('the watch and the connection to be cut', () => isCut && inside.destroyed)
  expect(keptIsCut).toBe(false)
  expect((await ask('GET', WORKSPACES, { token })).code).toBe(401)
  expect((await ask('DELETE', '/bothy/v1/tokens?name=leaver')).code).toBe(404)
})

test('revoking it cuts also who is only just let in', async () => {
  const token = await made('hasty', { scope: 'use' })
  const { promise, resolve } = Promise.withResolvers<void>()
  onTestFinished(() => resolve())
  const before = looks
  mayLook = promise
  const { socket, seen } = knocked(token)
  await until('the workspace to be looked up', () => looks > before)
  await other.revoke('hasty')
  await until('the connection to be cut', () => socket.destroyed)
  resolve()
  expect(seen()).toBe('')
})

const noted = () => db.query("select 1 from audit where action = 'token-expired' and subject = 'Token//guest'")

test('its end does the same, and is noted once', async () => {
  const token = await made('guest', { scope: 'use' })
  const watch = await opened('GET', `${WORKSPACES}?watch=true`, { token })
  let isCut = false
  watch
    .on('error', () => {})
    .on('close', () => (isCut = true))
    .resume()
  const inside = await entered(token)
  // Not before: to open them may take longer than a token lasts that is made to end here.
  await db.query("update tokens set expires_at = clock_timestamp() + interval '1 s' where name = 'guest'")
  await db.notify('bothy_tokens', '')
  await until('the end', () => isCut && inside.destroyed)
  expect((await ask('GET', WORKSPACES, { token })).code).toBe(401)
  await until('a row in the audit', async () => (await noted()).length > 0)
  expect(await noted()).toHaveLength(1)
  // The name is free again.
  await made('guest')
})

test('what cannot be meant is refused, and makes nothing', async () => {
  const wrong = [
    { name: 'X', scope: 'read', expiresInSeconds: 1 },
    { name: 'a/b', scope: 'read', expiresInSeconds: 1 },
    { name: 'a', scope: 'everything', expiresInSeconds: 1 },
    { name: 'a', scope: 'toString', expiresInSeconds: 1 },
    { name: 'a', scope: 'read' },
    { name: 'a', scope: 'read', expiresInSeconds: 0 },
    { name: 'a', scope: 'read', expiresInSeconds: 1.5 },
    { name: 'a', scope: 'read', expiresInSeconds: 1e12 },
    { name: 'a', scope: 'read', expiresInSeconds: null, namespaces: 'default' },
    { name: 'a', scope: 'read', expiresInSeconds: null, namespaces: ['no/name'] },
    ['a'],
  ]
  for (const body of wrong) expect([body, (await ask('POST', '/bothy/v1/tokens', { body })).code]).toEqual([body, 400])
  await made('twice')
  const again = await ask('POST', '/bothy/v1/tokens', { body: { name: 'twice', scope: 'read', expiresInSeconds: null } })
  expect([again.code, again.body['reason']]).toEqual([409, 'AlreadyExists'])
  expect(tokens.list().some(({ name }) => name === 'a')).toBe(false)
})

test('whoever guesses is slowed down; whoever was in before is not', async () => {
  const token = await made('regular', { expiresInSeconds: null })
  expect((await ask('GET', WORKSPACES, { token })).code).toBe(200)
  const codes = await Promise.all(Array.from({ length: 120 }, async (_, i) => (await ask('GET', WORKSPACES, { token: `guess-${i}` })).code))
  expect(new Set(codes)).toEqual(new Set([401, 429]))
  expect(codes.filter((code) => code === 401).length).toBeLessThan(100)
  expect((await ask('GET', WORKSPACES, { token })).code).toBe(200)
  await until('the tries to come back', async () => (await ask('GET', WORKSPACES, { token: 'another' })).code === 401)
})

/** Asks to be let in with it. */
function knocked(token: string) {
  let seen = ''
  const socket = connectTcp(api.port, '127.0.0.1', () =>
    socket.write(
      `GET ${WORKSPACES}/dev/exec HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer ${token}\r\nconnection: upgrade\r\nupgrade: test\r\n\r\n`,
    ),
  )
  socket.on('data', (chunk) => (seen += chunk.toString()))
  socket.on('error', () => {})
  onTestFinished(() => void socket.destroy())
  return { socket, seen: () => seen }
}

async function entered(token: string) {
  const { socket, seen } = knocked(token)
  await until('an answer', () => seen().includes('\r\n\r\n') || socket.destroyed)
  if (!seen().startsWith('HTTP/1.1 101')) throw new Error(seen())
  return socket
}
