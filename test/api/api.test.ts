import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { request as httpsRequest } from 'node:https'
import { join } from 'node:path'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { connect as connectTcp, type Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ownAuthority } from '../../controller/api/own-authority.ts'
import { openApi as openDoor, type Api } from '../../controller/api/server.ts'
import type { ApiPorts, Check, Listen } from '../../controller/api/ports.ts'
import type { EnterTarget } from '../../controller/connect/sessions.ts'
import { openStandalone, type Standalone } from '../../controller/cluster/standalone.ts'
import { systemClock, toIso } from '../../controller/kernel/clock.ts'
import { Misconfigured, Transient } from '../../controller/kernel/errors.ts'
import { jsonLog } from '../../controller/kernel/log.ts'
import { createMetrics } from '../../controller/kernel/metrics.ts'
import { isJsonObject, type JsonObject } from '../../crds/schema/types.ts'
import { finishJob } from '../../controller/store/jobs.ts'
import { appendLogs } from '../../controller/store/logs.ts'
import { claimed, queued } from '../store/samples.ts'
import { temporaryFolder } from '../support/temporary.ts'
import type { Db } from '../../controller/store/pool.ts'
import { steppedClock } from '../support/clock.ts'
import { withDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'

const TOKEN = 'the-token-of-this-test'
const WORKSPACES = '/apis/bothy.dev/v1alpha1/namespaces/default/workspaces'

let db: Db
let standalone: Standalone
let api: Api
const lines: string[] = []
const checks: Check[] = []
const entered: EnterTarget[] = []

const LOOPBACK: Listen = { host: '127.0.0.1', port: 0, tls: null, insecure: false, hosts: ['bothy.example'] }

const log = jsonLog(systemClock, 'debug', (line) => lines.push(line))

const portsOf = (): ApiPorts => ({
  cluster: standalone.cluster,
  db,
  clock: systemClock,
  log,
  metrics: createMetrics(),
  version: '0.1.0',
  authority: ownAuthority({ token: TOKEN, user: 'ada' }),
  checks,
  why: async (kind, namespace, name) => {
    if (name === 'broken') throw new Error('a secret detail of the inside')
    if (name === 'nobody') return null
    if (name === 'away') throw new Transient('Postgres cannot be reached')
    return { kind, namespace, name, summary: 'as wanted' }
  },
  simulate: async (namespace, name, until) => (name === 'nobody' ? null : { namespace, name, until, changes: [] }),
  status: async () => ({ workspaces: 1 }),
  down: async (user) => ({ asked: user }),
  agentProgram: async () => Promise.reject(new Misconfigured('there is no agent for this test')),
  files: async () => {
    throw new Error('no files here')
  },
  portsOf: async () => [{ port: 8080, process: 'web' }],
  hostKeys: async () => ({ main: 'ssh-ed25519 AAAA' }),
  enter: (target, _request, socket) => {
    entered.push(target)
    socket.end('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: test\r\n\r\nhello')
  },
  connect: {
    path: '/agent/v1/connect',
    upgrade: (_request, socket) => {
      socket.end('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: bothy-h2\r\n\r\nagent')
    },
  },
})

async function openApi(ports: ApiPorts, listen: Listen): Promise<Api> {
  const opened = await openDoor(ports, listen)
  opened.open(ports)
  return opened
}

beforeAll(async () => {
  db = (await withDatabase()).db
  standalone = await openStandalone({ db, clock: systemClock, log })
  api = await openApi(portsOf(), LOOPBACK)
})

afterAll(async () => {
  await api.close()
  await standalone.close()
})

interface Answer {
  readonly code: number
  readonly headers: IncomingMessage['headers']
  readonly text: string
  readonly body: JsonObject
}

const dig = (value: unknown, ...path: readonly string[]): unknown =>
  path.reduce<unknown>((at, name) => (isJsonObject(at) ? at[name] : undefined), value)

/** One field of each item of a list. */
const namesIn = (body: unknown, list: string, ...path: readonly string[]): string[] => {
  const items = dig(body, list)
  return Array.isArray(items) ? items.map((item) => String(dig(item, ...path))) : []
}

const refusedWith = ({ code, body }: Answer) => ({ code, reason: body['reason'] })

const upgrade = (path: string, more = `authorization: Bearer ${TOKEN}\r\n`, host = 'localhost') =>
  tcp(`GET ${path} HTTP/1.1\r\nhost: ${host}\r\nconnection: upgrade\r\nupgrade: test\r\n${more}\r\n`)

interface Ask {
  readonly body?: unknown
  readonly raw?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly token?: string | null
}

function opened(method: string, path: string, { body, raw, headers = {}, token = TOKEN }: Ask = {}): Promise<IncomingMessage> {
  const text = raw ?? (body === undefined ? undefined : JSON.stringify(body))
  return new Promise((resolve, reject) => {
    const sent = httpRequest({
      host: '127.0.0.1',
      port: api.port,
      method,
      path,
      agent: false,
      headers: {
        ...(token === null ? {} : { authorization: `Bearer ${token}` }),
        ...(text === undefined ? {} : { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(text)) }),
        ...headers,
      },
    })
    sent.on('response', resolve)
    sent.on('error', reject)
    sent.end(text)
  })
}

async function ask(method: string, path: string, options: Ask = {}): Promise<Answer> {
  const answer = await opened(method, path, options)
  let text = ''
  for await (const chunk of answer) text += String(chunk)
  const isJson = answer.headers['content-type'] === 'application/json'
  return { code: answer.statusCode ?? 0, headers: answer.headers, text, body: isJson ? JSON.parse(text) : {} }
}

const workspace = (name: string, spec: object = {}, metadata: object = {}) => ({
  apiVersion: 'bothy.dev/v1alpha1',
  kind: 'Workspace',
  metadata: { name, ...metadata },
  spec: { owner: 'ada', template: { name: 'node' }, ...spec },
})

/** The lines of a stream as they come. */
async function streamed(path: string) {
  const answer = await opened('GET', path)
  const seen: JsonObject[] = []
  let rest = ''
  let ended = false
  answer.setEncoding('utf8')
  answer.on('data', (chunk: string) => {
    const parts = (rest + chunk).split('\n')
    rest = parts.pop() ?? ''
    seen.push(...parts.filter((part) => part !== '').map((part) => JSON.parse(part)))
  })
  answer.on('close', () => (ended = true))
  answer.on('error', () => {})
  return {
    code: answer.statusCode,
    seen,
    ended: () => ended,
    shown: () => seen.map((line) => `${line['type']} ${String(dig(line, 'object', 'metadata', 'name') ?? '')}`),
    destroy: () => answer.destroy(),
  }
}

describe('the verbs', () => {
  test('create, read, list, replace, patch and delete a workspace', async () => {
    const made = await ask('POST', WORKSPACES, { body: workspace('verbs', {}, { labels: { team: 'a' } }) })
    expect({ code: made.code, name: dig(made.body, 'metadata', 'name') }).toEqual({ code: 201, name: 'verbs' })
    expect(dig(made.body, 'metadata', 'namespace')).toBe('default')
    const read = await ask('GET', `${WORKSPACES}/verbs`)
    expect(read.body).toEqual(made.body)
    const list = await ask('GET', `${WORKSPACES}?labelSelector=team%3Da&limit=10`)
    expect(list.body).toEqual({
      kind: 'WorkspaceList',
      apiVersion: 'bothy.dev/v1alpha1',
      metadata: { resourceVersion: expect.stringMatching(/^\d+$/) },
      items: [made.body],
    })
    const resourceVersion = dig(made.body, 'metadata', 'resourceVersion')
    const put = await ask('PUT', `${WORKSPACES}/verbs`, { body: workspace('verbs', { power: 'Stopped' }, { resourceVersion }) })
    expect([put.code, dig(put.body, 'metadata', 'generation'), dig(put.body, 'spec', 'power')]).toEqual([200, 2, 'Stopped'])
    const patch = await ask('PATCH', `${WORKSPACES}/verbs`, {
      body: { metadata: { annotations: { 'bothy.dev/paused': 'true' } } },
      headers: { 'content-type': 'application/merge-patch+json' },
    })
    expect([patch.code, dig(patch.body, 'metadata', 'annotations')]).toEqual([200, { 'bothy.dev/paused': 'true' }])
    const gone = await ask('DELETE', `${WORKSPACES}/verbs`, {
      body: { kind: 'DeleteOptions', apiVersion: 'v1', propagationPolicy: 'Background' },
    })
    expect(gone.body).toEqual({
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Success',
      details: { name: 'verbs', group: 'bothy.dev', kind: 'workspaces', uid: dig(made.body, 'metadata', 'uid') },
    })
    expect((await ask('GET', `${WORKSPACES}/verbs`)).body).toEqual({
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message: 'workspaces.bothy.dev "verbs" not found',
      reason: 'NotFound',
      details: { name: 'verbs', group: 'bothy.dev', kind: 'workspaces' },
      code: 404,
    })
  })

  test('a write is noted with who, what and from where', async () => {
    await ask('POST', WORKSPACES, { body: workspace('noted') })
    const rows = await db.query('select actor, action, subject, origin from audit where subject = $1', ['Workspace/default/noted'])
    expect(rows).toEqual([{ actor: 'ada', action: 'create', subject: 'Workspace/default/noted', origin: '127.0.0.1' }])
  })

  test('an invalid object is refused with a cause a field', async () => {
    const refused = await ask('POST', WORKSPACES, { body: workspace('wrong', { power: 'Sometimes' }) })
    expect(refused.code).toBe(422)
    expect(dig(refused.body, 'reason')).toBe('Invalid')
    expect(dig(refused.body, 'details', 'causes')).toContainEqual(
      expect.objectContaining({ reason: 'FieldValueNotSupported', field: 'spec.power' }),
    )
  })

  test('unknown fields warn in a header, or are refused when asked to', async () => {
    const warned = await ask('POST', WORKSPACES, { body: workspace('warned', { powr: 'Stopped' }) })
    expect([warned.code, warned.headers['warning']]).toEqual([201, '299 - "unknown field \\"spec.powr\\""'])
    const strict = await ask('POST', `${WORKSPACES}?fieldValidation=Strict`, { body: workspace('strict', { powr: 'Stopped' }) })
    expect([strict.code, dig(strict.body, 'reason')]).toEqual([400, 'BadRequest'])
  })

  test('a trial writes nothing', async () => {
    expect((await ask('POST', `${WORKSPACES}?dryRun=All`, { body: workspace('trial') })).code).toBe(201)
    expect((await ask('GET', `${WORKSPACES}/trial`)).code).toBe(404)
    expect((await ask('POST', `${WORKSPACES}?dryRun=Some`, { body: workspace('trial') })).code).toBe(422)
  })

  test('the declaring door creates, then makes the object what it says', async () => {
    const first = await ask('PUT', `${WORKSPACES}/declared?apply=true&fieldManager=cli`, {
      body: workspace('declared', {}, { labels: { a: '1', b: '2' } }),
    })
    const second = await ask('PUT', `${WORKSPACES}/declared?apply=true&fieldManager=cli`, {
      body: workspace('declared', {}, { labels: { a: '1' } }),
    })
    expect([first.code, second.code, dig(second.body, 'metadata', 'labels')]).toEqual([200, 200, { a: '1' }])
  })

  test('the status is written on its own', async () => {
    await ask('POST', WORKSPACES, { body: workspace('told') })
    const headers = { 'content-type': 'application/merge-patch+json' }
    const told = await ask('PATCH', `${WORKSPACES}/told/status`, {
      body: { status: { state: 'Running' }, spec: { power: 'Stopped' } },
      headers,
    })
    expect([told.code, dig(told.body, 'status'), dig(told.body, 'spec', 'power')]).toEqual([
      200,
      { observedGeneration: -1, state: 'Running' },
      'Auto',
    ])
  })

  test('server-side apply and other patches are refused by name', async () => {
    const headers = { 'content-type': 'application/apply-patch+yaml' }
    const refused = await ask('PATCH', `${WORKSPACES}/told`, { raw: 'a: b', headers })
    expect([refused.code, dig(refused.body, 'message')]).toEqual([
      415,
      'server-side apply is not available without a cluster: leave --server-side out',
    ])
    expect(
      (await ask('PATCH', `${WORKSPACES}/told`, { raw: '{}', headers: { 'content-type': 'application/strategic-merge-patch+json' } })).code,
    ).toBe(415)
  })

  test('a path and a body that disagree are refused', async () => {
    expect(dig((await ask('PUT', `${WORKSPACES}/one`, { body: workspace('other') })).body, 'message')).toBe(
      'the name of the object (other) does not match the name on the URL (one)',
    )
    expect(dig((await ask('POST', WORKSPACES, { body: workspace('far', {}, { namespace: 'elsewhere' }) })).body, 'message')).toBe(
      'the namespace of the provided object does not match the namespace sent on the request',
    )
    expect((await ask('POST', WORKSPACES, { body: { ...workspace('x'), kind: 'Template' } })).code).toBe(422)
  })

  test('whoever deletes what a file declares is told that it comes back', async () => {
    const mark = { source: 'folder:/srv/declared', path: 'dev.yaml', line: 3 }
    const metadata = { name: 'from-a-file', namespace: 'default', annotations: { 'bothy.dev/declared-by': JSON.stringify(mark) } }
    const object = { apiVersion: 'bothy.dev/v1alpha1', kind: 'Workspace', metadata, spec: { template: { name: 'node' } } }
    await standalone.cluster.apply(object, { manager: 'bothy-folder', user: 'folder', declarer: mark.source })
    const { headers } = await ask('DELETE', `${WORKSPACES}/from-a-file`)
    expect(headers['warning']).toBe(
      '299 - "it is declared by dev.yaml:3 of folder:/srv/declared: it is made anew unless you remove it there"',
    )
  })

  test('delete keeps to its preconditions', async () => {
    await ask('POST', WORKSPACES, { body: workspace('kept') })
    const refused = await ask('DELETE', `${WORKSPACES}/kept`, { body: { preconditions: { uid: 'another' } } })
    expect([refused.code, dig(refused.body, 'reason')]).toEqual([409, 'Conflict'])
    expect((await ask('GET', `${WORKSPACES}/kept`)).code).toBe(200)
  })

  test('an object held by a finalizer is shown while it ends', async () => {
    await ask('POST', WORKSPACES, { body: workspace('held', {}, { finalizers: ['bothy.dev/destroy'] }) })
    const held = await ask('DELETE', `${WORKSPACES}/held`)
    expect(dig(held.body, 'metadata')).toMatchObject({ name: 'held', deletionTimestamp: expect.any(String) })
    await ask('PATCH', `${WORKSPACES}/held`, {
      body: { metadata: { finalizers: null } },
      headers: { 'content-type': 'application/merge-patch+json' },
    })
    expect((await ask('GET', `${WORKSPACES}/held`)).code).toBe(404)
  })

  test('kinds of the whole cluster, namespaces and events have their own paths', async () => {
    const owner = { apiVersion: 'bothy.dev/v1alpha1', kind: 'Owner', metadata: { name: 'ada' }, spec: {} }
    expect((await ask('POST', '/apis/bothy.dev/v1alpha1/owners', { body: owner })).code).toBe(201)
    const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'team-a' } }
    expect((await ask('POST', '/api/v1/namespaces', { body: namespace })).code).toBe(201)
    expect((await ask('GET', '/api/v1/namespaces/team-a')).body).toMatchObject({ status: { phase: 'Active' } })
    await standalone.cluster.emit({
      regarding: { kind: 'Workspace', namespace: 'default', name: 'told' },
      type: 'Normal',
      reason: 'Started',
      action: 'Start',
      note: 'It runs.',
    })
    const events = await ask('GET', '/apis/events.k8s.io/v1/namespaces/default/events?fieldSelector=regarding.name%3Dtold')
    expect(dig(events.body, 'items')).toEqual([expect.objectContaining({ reason: 'Started', note: 'It runs.', type: 'Normal' })])
    const everywhere = await ask('GET', '/apis/bothy.dev/v1alpha1/workspaces')
    expect(namesIn(everywhere.body, 'items', 'metadata', 'name').length).toBeGreaterThan(2)
  })

  test('a list comes in pages', async () => {
    for (let i = 0; i < 5; i += 1) await ask('POST', WORKSPACES, { body: workspace(`page-${i}`, {}, { labels: { page: 'yes' } }) })
    const names: string[] = []
    let next = ''
    do {
      const page = await ask('GET', `${WORKSPACES}?limit=2&labelSelector=page${next ? `&continue=${next}` : ''}`)
      names.push(...namesIn(page.body, 'items', 'metadata', 'name'))
      next = String(dig(page.body, 'metadata', 'continue') ?? '')
    } while (next)
    expect(names).toEqual(['page-0', 'page-1', 'page-2', 'page-3', 'page-4'])
    expect((await ask('GET', `${WORKSPACES}?limit=2&continue=nonsense`)).code).toBe(400)
  })
})

describe('watching', () => {
  test('answers its headers at once, then every change, from a version on', async () => {
    const resourceVersion = String(dig((await ask('GET', WORKSPACES)).body, 'metadata', 'resourceVersion'))
    const watch = await streamed(`${WORKSPACES}?watch=true&resourceVersion=${resourceVersion}&labelSelector=watched`)
    expect([watch.code, watch.seen]).toEqual([200, []])
    await ask('POST', WORKSPACES, { body: workspace('watched', {}, { labels: { watched: 'yes' } }) })
    await ask('PATCH', `${WORKSPACES}/watched`, {
      body: { spec: { power: 'Stopped' } },
      headers: { 'content-type': 'application/merge-patch+json' },
    })
    await ask('DELETE', `${WORKSPACES}/watched`)
    await until('three changes', () => watch.seen.length === 3)
    expect(watch.shown()).toEqual(['ADDED watched', 'MODIFIED watched', 'DELETED watched'])
    watch.destroy()
    const resumed = await streamed(
      `${WORKSPACES}?watch=true&resourceVersion=${String(dig(watch.seen[0], 'object', 'metadata', 'resourceVersion'))}&labelSelector=watched`,
    )
    await until('the changes after the first', () => resumed.seen.length === 2)
    expect(resumed.shown()).toEqual(['MODIFIED watched', 'DELETED watched'])
    resumed.destroy()
  })

  test('ends when its time is over', async () => {
    const watch = await streamed(`${WORKSPACES}?watch=true&timeoutSeconds=1`)
    await until('the end', () => watch.ended())
  })

  test('a wrong selector is refused before the stream begins', async () => {
    expect(dig((await ask('GET', `${WORKSPACES}?watch=true&fieldSelector=spec.nothing%3Dx`)).body, 'message')).toBe(
      'field label not supported: spec.nothing',
    )
  })

  test('a version whose changes are gone is answered with 410 in the stream', async () => {
    const newest = dig((await ask('GET', WORKSPACES)).body, 'metadata', 'resourceVersion')
    await db.query('delete from object_changes where version <= $1', [newest])
    const watch = await streamed(`${WORKSPACES}?watch=true&resourceVersion=1`)
    await until('the error', () => watch.seen.length === 1)
    expect(watch.seen[0]).toMatchObject({ type: 'ERROR', object: { kind: 'Status', code: 410, reason: 'Expired' } })
    await until('the end', () => watch.ended())
  })
})

test('a watcher that does not read is dropped, and costs the others nothing', async () => {
  const clock = steppedClock()
  const metrics = createMetrics()
  const own = await openApi({ ...portsOf(), clock, metrics }, LOOPBACK)
  const resourceVersion = String(dig((await ask('GET', WORKSPACES)).body, 'metadata', 'resourceVersion'))
  await ask('POST', WORKSPACES, { body: workspace('large') })
  for (let i = 0; i < 40; i += 1) {
    const large = { metadata: { annotations: { large: String(i % 10).repeat(250_000) } } }
    await standalone.cluster.patch('Workspace', 'default', 'large', large, { manager: 'test', user: 'ada' })
  }
  const deaf = await tcp(
    `GET ${WORKSPACES}?watch=true&resourceVersion=${resourceVersion} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer ${TOKEN}\r\n\r\n`,
    own.port,
  )
  deaf.socket.pause()
  await until('the watch to be open', async () => (await metrics.page()).includes('bothy_api_watches 1'))
  await until('the watcher to be dropped', async () => {
    await clock.step(5_000)
    return lines.some((line) => line.includes('a watcher was dropped'))
  })
  await until('the watch to be over', async () => (await metrics.page()).includes('bothy_api_watches 0'))
  deaf.socket.destroy()
  await own.close()
})

describe('who may ask', () => {
  test('no token, a wrong one, and another scheme are refused', async () => {
    expect(refusedWith(await ask('GET', WORKSPACES, { token: null }))).toEqual({ code: 401, reason: 'Unauthorized' })
    expect(refusedWith(await ask('GET', WORKSPACES, { token: 'wrong' }))).toEqual({ code: 401, reason: 'Unauthorized' })
    expect(refusedWith(await ask('GET', '/metrics', { token: null }))).toEqual({ code: 401, reason: 'Unauthorized' })
    expect(refusedWith(await ask('GET', WORKSPACES, { token: null, headers: { authorization: `Basic ${TOKEN}` } }))).toMatchObject({
      code: 401,
    })
  })

  test('a name that is not ours is refused, whatever the token: a page may have been bound to this address', async () => {
    const evil = await ask('GET', WORKSPACES, { headers: { host: `evil.example:${api.port}` } })
    expect(refusedWith(evil)).toEqual({ code: 403, reason: 'Forbidden' })
    expect((await ask('GET', '/healthz', { headers: { host: 'evil.example' } })).code).toBe(403)
    for (const host of ['localhost', `127.0.0.1:${api.port}`, 'bothy.example', '[::1]:7080']) {
      expect([host, (await ask('GET', WORKSPACES, { headers: { host } })).code]).toEqual([host, 200])
    }
  })

  test('a page of another origin is refused', async () => {
    expect((await ask('GET', WORKSPACES, { headers: { origin: 'https://evil.example' } })).code).toBe(403)
    expect((await ask('GET', WORKSPACES, { headers: { origin: 'null' } })).code).toBe(403)
    expect((await ask('GET', WORKSPACES, { headers: { origin: `http://127.0.0.1:${api.port}` } })).code).toBe(200)
  })

  test('another address than loopback needs TLS or the word of the operator', async () => {
    await expect(openApi(portsOf(), { ...LOOPBACK, host: '0.0.0.0' })).rejects.toThrow(/without TLS would send tokens in the clear/)
    const open = await openApi(portsOf(), { ...LOOPBACK, host: '0.0.0.0', insecure: true })
    await open.close()
  })

  test('a port that is taken is said', async () => {
    await expect(openApi(portsOf(), { ...LOOPBACK, port: api.port })).rejects.toThrow(`127.0.0.1:${api.port} is taken by another program`)
  })
})

describe('limits', () => {
  test('a body of more than 4 MiB is refused', async () => {
    const big = await ask('POST', WORKSPACES, { raw: JSON.stringify({ padding: 'x'.repeat(5 * 1024 * 1024) }) })
    expect([big.code, dig(big.body, 'reason')]).toEqual([413, 'RequestEntityTooLarge'])
  })

  test('a body that does not say how long it is, and is too long, is told so as well', async () => {
    const sent = httpRequest({ host: '127.0.0.1', port: api.port, method: 'POST', path: WORKSPACES, agent: false })
    sent.setHeader('authorization', `Bearer ${TOKEN}`)
    sent.setHeader('content-type', 'application/json')
    const answer = new Promise<IncomingMessage>((resolve, reject) => sent.on('response', resolve).on('error', reject))
    for (let i = 0; i < 80; i += 1) sent.write('x'.repeat(64 * 1024))
    expect((await answer).statusCode).toBe(413)
    sent.destroy()
  })

  test('a body of brackets and a body that is no JSON are refused', async () => {
    expect(dig((await ask('POST', WORKSPACES, { raw: '['.repeat(100_000) + ']'.repeat(100_000) })).body, 'message')).toMatch(
      /nested deeper/,
    )
    expect((await ask('POST', WORKSPACES, { raw: '{"a":' })).code).toBe(400)
    expect((await ask('POST', WORKSPACES, { raw: '[1]' })).code).toBe(400)
  })

  test('a path that is not served, and a verb a path does not know, are refused', async () => {
    expect((await ask('GET', '/apis/bothy.dev/v1alpha1/unicorns')).code).toBe(404)
    expect((await ask('GET', `${WORKSPACES}/a/b/c`)).code).toBe(404)
    expect((await ask('GET', '/__proto__')).code).toBe(404)
    expect((await ask('GET', `${WORKSPACES}/%zz`)).code).toBe(400)
    expect(dig((await ask('PUT', WORKSPACES)).body, 'message')).toBe('the server does not allow PUT here; it allows GET, POST, DELETE')
  })

  test('headers that come too slowly cost a connection, not the server', async () => {
    const slow = await tcp('GET /version HTTP/1.1\r\nhost: localhost\r\n')
    await until('the slow connection to be ended', () => slow.closed())
    expect(slow.text()).toMatch(/^HTTP\/1.1 408 Request Timeout/)
  })

  test('headers that are too long are refused', async () => {
    const long = await tcp(`GET /version HTTP/1.1\r\nhost: localhost\r\nx: ${'x'.repeat(20_000)}\r\n\r\n`)
    await until('the answer', () => long.closed())
    expect(long.text()).toMatch(/^HTTP\/1.1 431 /)
  })
})

describe('what goes wrong', () => {
  test('a bug shows a request id and nothing of the inside; the log has the rest', async () => {
    const broken = await ask('GET', `${WORKSPACES}/broken/why`, { headers: { 'x-request-id': 'my-id-1' } })
    expect([broken.code, broken.headers['x-request-id'], dig(broken.body, 'message')]).toEqual([
      500,
      'my-id-1',
      'an internal error occurred; the log has it under request id my-id-1',
    ])
    expect(broken.text).not.toMatch(/secret detail|\.ts/)
    expect(lines.some((line) => line.includes('my-id-1') && line.includes('a secret detail of the inside'))).toBe(true)
    expect(lines.join('')).not.toContain(TOKEN)
  })

  test('what another try may cure is 503', async () => {
    const away = await ask('GET', `${WORKSPACES}/away/why`)
    expect([away.code, away.headers['retry-after'], dig(away.body, 'reason')]).toEqual([503, '1', 'ServiceUnavailable'])
  })
})

describe('about the control plane', () => {
  test('it is alive without a token, and says what is not ready by name, and why to whoever may see it', async () => {
    expect((await ask('GET', '/healthz', { token: null })).code).toBe(200)
    expect((await ask('GET', '/readyz', { token: null })).code).toBe(200)
    checks.push({ name: 'database', look: async () => 'cannot be reached' }, { name: 'disk', look: async () => null })
    lines.length = 0
    const asked = [
      await ask('GET', '/readyz', { token: null }),
      await ask('GET', '/readyz', { token: 'wrong' }),
      await ask('GET', '/readyz'),
    ]
    checks.length = 0
    expect(asked.map(({ code, body }) => [code, dig(body, 'message')])).toEqual([
      [503, 'not ready: database'],
      [503, 'not ready: database'],
      [503, 'not ready: database (cannot be reached)'],
    ])
    expect(asked.slice(0, 2).map(({ text }) => text.includes('reached'))).toEqual([false, false])
    expect((await ask('GET', '/readyz', { token: null })).code).toBe(200)
    expect(lines.filter((line) => /"(?:not ready|ready again)"/.test(line)).map((line) => line.includes('cannot be reached'))).toEqual([
      true,
      false,
    ])
  })

  test('before everything is open it says that it lives, and to everything else what it waits for', async () => {
    const door = portsOf()
    const own = await openDoor(door, LOOPBACK)
    const get = async (path: string, token = TOKEN) => {
      const answer = await fetch(`http://127.0.0.1:${own.port}${path}`, { headers: { authorization: `Bearer ${token}` } })
      return { code: answer.status, retryAfter: answer.headers.get('retry-after'), body: await answer.text() }
    }
    expect(await get('/healthz', 'wrong')).toMatchObject({ code: 200 })
    expect(await get('/readyz', 'wrong')).toMatchObject({ code: 503, retryAfter: '1', body: expect.stringContaining('migration') })
    expect(await get(WORKSPACES, 'wrong')).toMatchObject({ code: 401 })
    expect(await get(WORKSPACES)).toMatchObject({ code: 503, retryAfter: '1', body: expect.stringContaining('migration') })
    for (const path of ['/agent/v1/connect', `${WORKSPACES}/dev/exec`]) {
      const text = `GET ${path} HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: test\r\n\r\n`
      expect(await answered(tcp(text, own.port))).toMatch(/^HTTP\/1\.1 503 Service Unavailable\r\n.*migration/s)
    }
    own.open(door)
    expect((await get('/readyz')).code).toBe(200)
    expect((await get(WORKSPACES)).code).toBe(200)
    await own.close()
  })

  test('its version, metrics, summary, discovery and end', async () => {
    expect((await ask('GET', '/version')).body).toMatchObject({ major: '1', gitVersion: 'v1.32.0+bothy-0.1.0' })
    expect((await ask('GET', '/metrics')).text).toMatch(/bothy_api_requests_total\{method="GET",route="\/version",code="200"\}/)
    expect((await ask('GET', '/bothy/v1/status')).body).toEqual({ workspaces: 1 })
    expect((await ask('POST', '/bothy/v1/down')).body).toEqual({ asked: 'ada' })
    expect(namesIn((await ask('GET', '/apis')).body, 'groups', 'name')).toEqual([
      'bothy.dev',
      'events.k8s.io',
      'authentication.k8s.io',
      'authorization.k8s.io',
    ])
    expect(namesIn((await ask('GET', '/apis/bothy.dev/v1alpha1')).body, 'resources', 'name')).toContain('workspaces/status')
  })

  test('why is asked of whoever knows', async () => {
    expect((await ask('GET', `${WORKSPACES}/dev/why`)).body).toEqual({
      kind: 'Workspace',
      namespace: 'default',
      name: 'dev',
      summary: 'as wanted',
    })
    expect((await ask('GET', '/apis/bothy.dev/v1alpha1/owners/ada/why')).code).toBe(404)
    const until = systemClock.now() + 7 * 86_400_000
    const simulate = (name: string, query: string) => ask('GET', `${WORKSPACES}/${name}/simulate${query}`)
    expect((await simulate('dev', `?until=${toIso(until)}`)).body).toEqual({
      namespace: 'default',
      name: 'dev',
      until: until - (until % 1000),
      changes: [],
    })
    expect((await simulate('nobody', `?until=${toIso(until)}`)).code).toBe(404)
    for (const query of ['', '?until=soon', '?until=2020-01-01T00:00:00Z', '?until=2099-01-01T00:00:00Z'])
      expect((await simulate('dev', query)).code).toBe(400)
    expect((await ask('GET', `${WORKSPACES}/nobody/why`)).code).toBe(404)
  })
})

const textOf = (row: JsonObject) => row['text']
const line = (text: string) => ({ at: systemClock.now(), stage: 'apply', level: 'info' as const, text })

describe('what a build says', () => {
  test('is read by number, and followed until the build ends', async () => {
    const uid = String(dig((await ask('POST', WORKSPACES, { body: workspace('built') })).body, 'metadata', 'uid'))
    expect(refusedWith(await ask('GET', `${WORKSPACES}/built/log`))).toEqual({ code: 404, reason: 'NotFound' })
    const waiting = await streamed(`${WORKSPACES}/built/log?follow=true`)
    const job = await queued(db, 'built', { subject: { uid, namespace: 'default', name: 'built' } })
    const claim = await claimed(db)
    await appendLogs(db, claim, [line('one'), line('two')])
    await until('the first rows', () => waiting.seen.length === 2)
    expect(waiting.seen[0]).toEqual({
      id: expect.any(String),
      jobId: job.id,
      agent: null,
      source: null,
      at: expect.any(Number),
      stage: 'apply',
      level: 'info',
      text: 'one',
    })
    await appendLogs(db, claim, [line('three')])
    await finishJob(db, claim, { phase: 'Succeeded', reason: null, error: null, state: null, agents: null, result: {} })
    await until('the end of the stream', () => waiting.ended())
    expect(waiting.seen.map(textOf)).toEqual(['one', 'two', 'three'])
    const again = await streamed(`${WORKSPACES}/built/log?build=1`)
    await until('the end of the log', () => again.ended())
    expect(again.seen.map(textOf)).toEqual(['one', 'two', 'three'])
    expect(refusedWith(await ask('GET', `${WORKSPACES}/built/log?build=2`))).toEqual({ code: 404, reason: 'NotFound' })
    expect(refusedWith(await ask('GET', `${WORKSPACES}/built/log?build=last`))).toEqual({ code: 400, reason: 'BadRequest' })
  })
})

test('with a certificate another address is served over TLS', async () => {
  const folder = temporaryFolder()
  const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')]
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1']
  execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '1', '-keyout', key, '-out', cert, ...subject], {
    stdio: 'ignore',
  })
  const secure = await openApi(portsOf(), {
    ...LOOPBACK,
    host: '0.0.0.0',
    tls: { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') },
  })
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    httpsRequest(
      {
        host: '127.0.0.1',
        port: secure.port,
        path: '/version',
        ca: readFileSync(cert),
        agent: false,
        headers: { authorization: `Bearer ${TOKEN}` },
      },
      resolve,
    )
      .on('error', reject)
      .end()
  })
  answer.resume()
  expect(answer.statusCode).toBe(200)
  await secure.close()
})

describe('upgrades', () => {
  test('a command is handed on with the workspace it is for', async () => {
    const uid = dig((await ask('POST', WORKSPACES, { body: workspace('entered') })).body, 'metadata', 'uid')
    const exec = await upgrade(`${WORKSPACES}/entered/exec?agent=main`)
    await until('the other protocol', () => exec.text().endsWith('hello'))
    const subject = { uid, namespace: 'default', name: 'entered' }
    expect(entered).toEqual([{ subject, agentName: 'main', actor: 'ada', service: 'exec', query: new URLSearchParams('agent=main') }])
    const port = await upgrade(`${WORKSPACES}/entered/port?target=tcp:127.0.0.1:80`)
    await until('a port', () => port.text().endsWith('hello'))
    expect(entered[1]).toMatchObject({ subject, agentName: null, service: 'port' })
    expect((await answered(upgrade(`${WORKSPACES}/entered/status`))).slice(0, 12)).toBe('HTTP/1.1 404')
    expect((await answered(upgrade(`${WORKSPACES}/nobody/exec`))).slice(0, 12)).toBe('HTTP/1.1 404')
    expect((await answered(upgrade(`${WORKSPACES}/entered/exec`, ''))).slice(0, 12)).toBe('HTTP/1.1 401')
    expect((await answered(upgrade(`${WORKSPACES}/entered/exec`, undefined, 'evil.example'))).slice(0, 12)).toBe('HTTP/1.1 403')
    expect((await answered(upgrade('/version'))).slice(0, 12)).toBe('HTTP/1.1 404')
  })

  test('nobody waits for an agent of a workspace that does not run', async () => {
    await ask('POST', WORKSPACES, { body: workspace('asleep') })
    const enter = async (effective: string, reason: string, conditions: object[] = []) => {
      const status = { power: { effective, reason }, conditions }
      await standalone.cluster.patchStatus('Workspace', 'default', 'asleep', { status }, { manager: 'test', user: 'ada' })
      return answered(upgrade(`${WORKSPACES}/asleep/exec`))
    }
    expect(await enter('Stopped', 'Requested')).toMatch(/^HTTP\/1\.1 409 Conflict\r\n.*"message":"Workspace asleep is stopped\."/s)
    expect(await enter('Stopped', 'NotBuilt')).toMatch(/^HTTP\/1\.1 409 Conflict\r\n.*"message":"Workspace asleep was not built yet\."/s)
    const lastTransitionTime = '2026-11-21T12:00:00Z'
    const held = { type: 'Stalled', status: 'True', reason: 'OwnerMissing', message: 'It has no owner.', lastTransitionTime }
    expect(await enter('Stopped', 'NotBuilt', [held])).toMatch(/"message":"Workspace asleep was not built yet: It has no owner\."/)
    expect(await enter('Running', 'Requested')).toMatch(/hello$/)
  })

  test('an agent is handed on without the token of people, but not under a foreign name', async () => {
    expect(await answered(upgrade('/agent/v1/connect', ''))).toMatch(/agent$/)
    expect((await answered(upgrade('/agent/v1/connect', '', 'evil.example'))).slice(0, 12)).toBe('HTTP/1.1 403')
  })
})

const dialAndBreak = () =>
  new Promise<void>((resolve) => {
    const socket = connectTcp(api.port, '127.0.0.1', () => {
      socket.write('GET /agent/v1/connect HTTP/1.1\r\nhost: evil.example\r\nconnection: upgrade\r\nupgrade: test\r\n\r\n')
      setImmediate(() => socket.resetAndDestroy())
    })
    socket.on('close', () => resolve())
    socket.on('error', () => {})
  })

test('connections that break while they are refused cost nobody else theirs', async () => {
  for (let round = 0; round < 20; round += 1) await Promise.all(Array.from({ length: 20 }, dialAndBreak))
  expect((await ask('GET', '/healthz')).code).toBe(200)
})

test('closing ends watches well, cuts what does not end, is quick, and may be repeated', async () => {
  const stays = {
    path: '/agent/v1/stays',
    upgrade: (_request: IncomingMessage, socket: Duplex) =>
      socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: test\r\n\r\n'),
  }
  const waits: number[] = []
  const sleep: typeof systemClock.sleep = (ms, signal) => {
    waits.push(ms)
    return systemClock.sleep(ms, signal)
  }
  const own = await openApi({ ...portsOf(), connect: stays, clock: { ...systemClock, sleep } }, LOOPBACK)
  const before = api
  api = own
  // From now on: one that still tells what there is may wait for its reader, too.
  const now = String(dig((await ask('GET', `${WORKSPACES}?limit=1`)).body, 'metadata', 'resourceVersion'))
  const watch = await streamed(`${WORKSPACES}?watch=true&resourceVersion=${now}`)
  const idle = await tcp('', own.port)
  const handedOn = await tcp('GET /agent/v1/stays HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: test\r\n\r\n', own.port)
  await until('the agent to be connected', () => handedOn.text().startsWith('HTTP/1.1 101'))
  const [closingAt, waitsBefore] = [systemClock.elapsedMs(), waits.length]
  await Promise.all([own.close(), own.close()])
  // It waits for answers once, and for nobody longer.
  expect(waits.slice(waitsBefore)).toEqual([200])
  expect(systemClock.elapsedMs() - closingAt).toBeLessThan(5_000)
  expect(handedOn.closed()).toBe(false)
  handedOn.socket.destroy()
  await until('the watch to end', () => watch.ended())
  await until('the idle connection to end', () => idle.closed())
  await own.close()
  api = before
})

async function tcp(text: string, port = api.port) {
  let seen = ''
  let closed = false
  const socket = await new Promise<Socket>((resolve, reject) => {
    const made = connectTcp(port, '127.0.0.1', () => resolve(made))
    made.on('error', reject)
  })
  socket.on('data', (chunk) => (seen += chunk.toString('utf8')))
  socket.on('close', () => (closed = true))
  socket.on('error', () => {})
  if (text) socket.write(text)
  return { socket, text: () => seen, closed: () => closed }
}

async function answered(connection: ReturnType<typeof tcp>): Promise<string> {
  const opened = await connection
  await until('the connection to be answered', () => opened.closed())
  return opened.text()
}
