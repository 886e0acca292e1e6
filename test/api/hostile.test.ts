import { spawn, type ChildProcess } from 'node:child_process'
import { request, type IncomingMessage } from 'node:http'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { connect as connectTls } from 'node:tls'
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { withDatabase, type TestDatabase } from '../support/postgres.ts'

import { until } from '../support/until.ts'

/**
 * Clients that mean harm, or are badly broken: each gets a clear refusal or is dropped, costs others nothing, and never holds up
 * the event loop. How much it computes at a stretch is measured in the server's own process, in time of its processor, and printed;
 * what fails a test is far beyond what a slow machine explains.
 */

const BLOCKED_MS_MAX = 1_000
const HEAP_MB_MAX = 256
const WORKSPACES = '/apis/bothy.dev/v1alpha1/namespaces/default/workspaces'

interface Measured {
  readonly blockedMs: number
  readonly rssMB: number
  readonly heapMB: number
}

let plane: ChildProcess
let port = 0
let database: TestDatabase
const answers: string[] = []
const report: string[] = []

beforeAll(async () => {
  database = await withDatabase()
  const { url } = database
  const program = join(import.meta.dirname, 'hostile-plane.ts')
  plane = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', '--expose-gc', program, url], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  if (plane.stdout) createInterface({ input: plane.stdout }).on('line', (line) => answers.push(line))
  port = Number(await until('the control plane', () => answers.shift()))
  await measured()
})
afterAll(async () => {
  const ended = new Promise((resolve) => plane.once('exit', resolve))
  plane.stdin?.end()
  await ended
  process.stdout.write(`${report.join('\n')}\n`)
})

async function measured(): Promise<Measured> {
  plane.stdin?.write('\n')
  return JSON.parse(await until('what it measured', () => answers.shift())) as Measured
}

afterEach(async ({ task }) => {
  const { code } = await ask('GET', '/version')
  expect(code).toBe(200)
  const { blockedMs, heapMB, rssMB } = await measured()
  report.push(
    `${blockedMs.toFixed(0).padStart(6)} ms at a stretch, ${heapMB.toFixed(0).padStart(4)} MB held, ${rssMB.toFixed(0).padStart(4)} MB resident: ${task.name}`,
  )
  expect(blockedMs).toBeLessThan(BLOCKED_MS_MAX)
  expect(heapMB).toBeLessThan(HEAP_MB_MAX)
})

interface Answer {
  readonly code: number
  readonly text: string
}

/** Code 0: dropped without an answer. */
function ask(method: string, path: string, body: string | Buffer = '', type = 'application/json', token = 'secret'): Promise<Answer> {
  return new Promise((resolve) => {
    const headers = { authorization: `Bearer ${token}`, ...(body.length > 0 ? { 'content-type': type } : {}) }
    const sent = request({ host: '127.0.0.1', port, method, path, headers, agent: false }, (answer: IncomingMessage) => {
      let text = ''
      answer.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
      answer.on('close', () => resolve({ code: answer.statusCode ?? 0, text }))
      answer.on('error', () => {})
    })
    sent.on('error', () => resolve({ code: 0, text: '' }))
    sent.end(body)
  })
}

const open = (): Promise<Socket & { seen: string }> =>
  new Promise((resolve) => {
    const socket = Object.assign(connect(port, '127.0.0.1'), { seen: '' })
    socket.on('connect', () => resolve(socket))
    socket.on('data', (chunk) => (socket.seen += chunk.toString('latin1')))
    socket.on('error', () => resolve(socket))
    onTestFinished(() => void socket.destroy())
  })

async function raw(text: string | Buffer): Promise<string> {
  const socket = await open()
  socket.write(text)
  await until('an answer or the end', () => socket.destroyed || /\r\n\r\n/.test(socket.seen))
  return socket.seen.slice(0, 12)
}

const workspace = (more: object): string =>
  JSON.stringify({
    apiVersion: 'bothy.dev/v1alpha1',
    kind: 'Workspace',
    metadata: { name: 'hostile' },
    spec: { template: { name: 't' } },
    ...more,
  })

const many = (count: number, value: (i: number) => unknown) =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => [`k${i}`, value(i)]))
const long = (text: string) => encodeURIComponent(text).slice(0, 14_000)

/** A field of protocol buffers that has a length. */
function field(number: number, content: Buffer): Buffer {
  const length = []
  let rest = content.length
  for (; rest > 0x7f; rest >>>= 7) length.push((rest & 0x7f) | 0x80)
  return Buffer.concat([Buffer.from([(number << 3) | 2, ...length, rest]), content])
}

function configMapOfEmptyOwners(count: number): Buffer {
  const typeMeta = Buffer.concat([field(1, Buffer.from('v1')), field(2, Buffer.from('ConfigMap'))])
  const metadata = Buffer.alloc(2 * count, Buffer.from([(13 << 3) | 2, 0]))
  return Buffer.concat([Buffer.from('k8s\0'), field(1, typeMeta), field(2, field(1, metadata))])
}

const ownersOf = (count: number, more: object = {}): readonly object[] =>
  repeated(count, (i) => ({ apiVersion: 'v1', kind: 'ConfigMap', name: `o${i % 3000}`, uid: `u${i % 3000}`, ...more }))

const repeated = (count: number, make: (i: number) => object): readonly object[] => Array.from({ length: count }, (_, i) => make(i))

describe('bodies', () => {
  test('of a hundred megabytes, in pieces and announced', async () => {
    expect([413, 0]).toContain((await ask('POST', WORKSPACES, Buffer.alloc(100 * 2 ** 20, 0x20))).code)
    const socket = await open()
    socket.write(
      `POST ${WORKSPACES} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer secret\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n`,
    )
    const piece = Buffer.concat([Buffer.from('100000\r\n'), Buffer.alloc(2 ** 20, 0x20), Buffer.from('\r\n')])
    for (let sent = 0; sent < 100 && !socket.destroyed; sent += 1)
      await new Promise((done) => socket.write(piece, () => setImmediate(done)))
    await until('it to be dropped', () => socket.destroyed || socket.seen !== '')
    expect(socket.seen).toMatch(/^(HTTP\/1\.1 413|$)/)
  })

  test.each([
    ['brackets', '['.repeat(2_000_000)],
    ['objects in objects', '{"a":'.repeat(500_000)],
    ['quotes without end', `{"a":"${'\\"'.repeat(1_000_000)}`],
    ['one long number', `{"a":${'9'.repeat(3_000_000)}}`],
    ['keys that are the same', `{${'"a":1,'.repeat(300_000)}"a":1}`],
    ['bytes that are no UTF-8', Buffer.concat([Buffer.from('{"apiVersion":"'), Buffer.alloc(100_000, 0xff), Buffer.from('"}')])],
    ['zeros', Buffer.alloc(3_000_000)],
  ])('of %s', async (_what, body) => {
    expect([400, 413, 422]).toContain((await ask('POST', WORKSPACES, body)).code)
  })

  test.each([
    'application/yaml',
    'application/vnd.kubernetes.protobuf',
    'application/json-patch+json',
    'application/apply-patch+yaml',
    'x/y',
  ])('of garbage that is called %s', async (type) => {
    for (const body of [
      'a: &a [*a, *a]\n',
      `${'- '.repeat(100_000)}a`,
      Buffer.concat([Buffer.from('k8s\0'), Buffer.alloc(1_000_000, 0x0a)]),
      configMapOfEmptyOwners(1_900_000),
    ])
      for (const method of ['POST', 'PUT', 'PATCH']) {
        const { code } = await ask(method, method === 'POST' ? WORKSPACES : `${WORKSPACES}/hostile`, body, type)
        // What is refused unread is not read: a client that is still sending may be cut off before it hears why.
        const isDropped = code === 0 && body.length > 1_000_000
        expect([method, isDropped || (code >= 400 && code < 500)]).toEqual([method, true])
      }
    expect((await ask('GET', WORKSPACES)).code).toBe(200)
  })

  test('that would reach into what all objects share', async () => {
    for (const name of ['__proto__', 'constructor', 'prototype']) {
      const text = `{"apiVersion":"bothy.dev/v1alpha1","kind":"Workspace","metadata":{"name":"p","${name}":{"polluted":"yes"},"labels":{"${name}":"x"}},"${name}":{"polluted":"yes"},"spec":{"template":{"name":"t"},"${name}":{"polluted":"yes"},"parameters":{"${name}":"x"}}}`
      const made = await ask('POST', WORKSPACES, text)
      expect([201, 400, 422]).toContain(made.code)
      await ask(
        'PATCH',
        `${WORKSPACES}/p`,
        `{"${name}":{"polluted":"yes"},"metadata":{"labels":{"${name}":"y"}}}`,
        'application/merge-patch+json',
      )
      const seen = await ask('GET', `${WORKSPACES}/p`)
      expect(seen.text).not.toContain('polluted')
      await ask('DELETE', `${WORKSPACES}/p`)
    }
    // A fresh object would show it.
    expect((await ask('GET', '/apis')).text).not.toContain('polluted')
  })

  test('with as much of everything as fits', async () => {
    for (const body of [
      workspace({ spec: { template: { name: 't' }, parameters: many(60_000, () => 'x'.repeat(40)) } }),
      workspace({ metadata: { name: 'hostile', labels: many(60_000, () => 'v') } }),
      workspace({ metadata: { name: 'hostile', annotations: many(60_000, (i) => `${i}`.repeat(10)) } }),
      workspace({ metadata: { name: 'hostile', finalizers: Array.from({ length: 50_000 }, (_, i) => `a.example/${i}`) } }),
      workspace({ spec: { template: { name: 't' }, ...many(100_000, () => ({ a: [1, 2, 3] })) } }),
    ]) {
      const { code } = await ask('POST', WORKSPACES, body)
      expect([400, 413, 422]).toContain(code)
    }
  })

  test('with as many owners and finalizers as fit, some of them twice', async () => {
    const path = '/api/v1/namespaces/default/configmaps'
    const made = (metadata: object) =>
      ask('POST', path, JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'owned', ...metadata } }))
    expect((await made({ ownerReferences: ownersOf(3900), finalizers: ['a.example/held'] })).code).toBe(201)
    expect((await made({ ownerReferences: ownersOf(3300, { controller: true }) })).code).toBe(422)
    await ask('DELETE', `${path}/owned`)
    const finalizers = JSON.stringify({ metadata: { finalizers: Array.from({ length: 19_000 }, (_, i) => `a.example/${i}`) } })
    // More than an object may have, with its owners; and no new one of them, while it is deleted.
    expect((await ask('PATCH', `${path}/owned`, finalizers, 'application/merge-patch+json')).code).toBe(413)
    const another = '{"metadata":{"finalizers":["a.example/another"]}}'
    expect((await ask('PATCH', `${path}/owned`, another, 'application/merge-patch+json')).code).toBe(422)
    const held = finalizers
      .replace('{"metadata":', '{"apiVersion":"v1","kind":"ConfigMap","metadata":')
      .replace('{"fin', '{"name":"held","fin')
    expect((await ask('POST', path, held)).code).toBe(201)
    expect((await ask('PATCH', `${path}/held`, finalizers, 'application/strategic-merge-patch+json')).code).toBe(200)
    await ask('PATCH', `${path}/owned`, '{"metadata":{"finalizers":null}}', 'application/merge-patch+json')
  })

  test('with long names before very many mistakes', async () => {
    const name = 'x'.repeat(3_000_000)
    const files = { [name]: repeated(10_000, () => ({ unknown: 1 })) }
    const template = { apiVersion: 'bothy.dev/v1alpha1', kind: 'Template', metadata: { name: 't' } }
    const path = WORKSPACES.replace('workspaces', 'templates')
    const { code, text } = await ask('POST', path, JSON.stringify({ ...template, spec: { source: { type: 'Inline', inline: { files } } } }))
    expect([code, text.length < 1_000_000]).toEqual([422, true])
    const twice = Array.from({ length: 100 }, (_, i) => `"a${i}":1,"a${i}":2`).join()
    expect((await ask('POST', path, `{"${name}":{${twice}}}`)).code).toBe(400)
    const wrong = await ask('POST', WORKSPACES, workspace({ metadata: { name: 'hostile', labels: many(19_000, (i) => `!${i}`) } }))
    expect([wrong.code, wrong.text.length < 2_000_000]).toEqual([422, true])
    const quoted = await ask('POST', WORKSPACES, workspace({ metadata: { name: '"'.repeat(1_900_000) } }))
    expect(quoted.code).toBe(422)
  })

  test('of objects and lists without a comma between them', async () => {
    const nested = `[${Array.from({ length: 300 }, () => '['.repeat(90) + ']'.repeat(90)).join()}]`
    expect((await ask('POST', WORKSPACES, nested)).code).toBe(413)
    expect((await ask('POST', WORKSPACES, `[${'{}'.repeat(1_900_000)}]`)).code).toBe(413)
  })

  test('that let one object grow and grow', async () => {
    expect((await ask('POST', WORKSPACES, workspace({ metadata: { name: 'grows' } }))).code).toBe(201)
    const codes: number[] = []
    while (codes.length < 9 && !codes.includes(413)) {
      const round = codes.length
      const labels = Object.fromEntries(Array.from({ length: 14_000 }, (_, i) => [`l${round}-${i}`, 'x'.repeat(60)]))
      codes.push((await ask('PATCH', `${WORKSPACES}/grows`, JSON.stringify({ metadata: { labels } }), 'application/merge-patch+json')).code)
    }
    expect(codes).toEqual([200, 413])
    expect((await ask('DELETE', `${WORKSPACES}/grows`)).code).toBe(200)
  })

  test('of operations that make much of little', async () => {
    expect((await ask('POST', WORKSPACES, workspace({ metadata: { name: 'patched' } }))).code).toBe(201)
    const patch = (operations: readonly object[]) =>
      ask('PATCH', `${WORKSPACES}/patched`, JSON.stringify(operations), 'application/json-patch+json')
    const outputs = { op: 'add', path: '/status', value: { outputs: { a: 1 } } }
    const doubled = repeated(40, (i) => ({ op: 'copy', from: '/status', path: `/status/outputs/x${i}` }))
    expect((await patch([outputs, ...doubled])).code).toBe(422)
    const annotations = { op: 'add', path: '/metadata/annotations', value: {} }
    const added = repeated(6000, (i) => ({ op: 'add', path: `/metadata/annotations/x${i}`, value: 'a' }))
    expect((await patch([annotations, ...added])).code).toBe(200)
    await ask('DELETE', `${WORKSPACES}/patched`)
    const path = '/api/v1/namespaces/default/configmaps'
    const finalizers = Array.from({ length: 19_000 }, (_, i) => `a.example/${i}`)
    await ask('POST', path, JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'shifted', finalizers } }))
    const moves = repeated(6000, () => ({ op: 'move', from: '/metadata/finalizers/0', path: '/metadata/finalizers/-' }))
    expect((await ask('PATCH', `${path}/shifted`, JSON.stringify(moves), 'application/json-patch+json')).code).toBe(422)
    await ask('DELETE', `${path}/shifted`)
    await ask('PATCH', `${path}/shifted`, '{"metadata":{"finalizers":null}}', 'application/merge-patch+json')
  })

  test('with text that makes a careless expression take for ever', async () => {
    for (const evil of [
      `${'a'.repeat(200_000)}!`,
      `${'a-'.repeat(100_000)}!`,
      `${'1h'.repeat(100_000)}!`,
      `${'0'.repeat(1_000_000)}x`,
      ' '.repeat(1_000_000),
      `${'a.'.repeat(100_000)}_`,
      '@'.repeat(200_000),
    ]) {
      for (const body of [
        workspace({ metadata: { name: evil } }),
        workspace({ metadata: { name: 'hostile', labels: { [evil]: evil }, annotations: { [evil]: evil } } }),
        workspace({
          spec: {
            template: { name: evil },
            schedule: { autostart: evil, timezone: evil },
            ttl: evil,
            owner: evil,
            parameters: { [evil]: evil },
          },
        }),
      ])
        // Too long to be read: some hear only that the connection is gone.
        expect([400, 413, 422, ...(body.length > 4_000_000 ? [0] : [])]).toContain((await ask('POST', WORKSPACES, body)).code)
      const owner = {
        apiVersion: 'bothy.dev/v1alpha1',
        kind: 'Owner',
        metadata: { name: evil },
        spec: { email: evil, fullName: evil, id: evil },
      }
      expect([400, 413, 422]).toContain((await ask('POST', '/apis/bothy.dev/v1alpha1/owners', JSON.stringify(owner))).code)
    }
  })
})

describe('addresses', () => {
  test('with selectors as long as they may be', async () => {
    for (const query of [
      `labelSelector=${long(Array.from({ length: 3000 }, (_, i) => `k${i}=v`).join(','))}`,
      `labelSelector=${long(`k in (${'v,'.repeat(5000)}v)`)}`,
      `labelSelector=${long('!'.repeat(5000))}`,
      `labelSelector=${long('('.repeat(5000))}`,
      `labelSelector=${long(`${'a'.repeat(5000)}!`)}`,
      `fieldSelector=${long('metadata.name=a,'.repeat(800))}`,
      `continue=${long('A'.repeat(10_000))}`,
      `resourceVersion=${'9'.repeat(5000)}`,
      `limit=${'9'.repeat(5000)}`,
      `watch=true&timeoutSeconds=${'9'.repeat(5000)}`,
    ]) {
      const { code } = await ask('GET', `${WORKSPACES}?${query}`)
      expect([query.slice(0, 30), [200, 400, 410, 422, 431, 504].includes(code)]).toEqual([query.slice(0, 30), true])
    }
    expect((await ask('GET', `${WORKSPACES}?labelSelector=${'a'.repeat(60_000)}`)).code).toBe(431)
  })

  test('and bodies with a character that no database takes', async () => {
    const owner = { apiVersion: 'v1', kind: 'ConfigMap', name: 'a', uid: '\0' }
    const owned = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'zero', ownerReferences: [owner] } }
    expect((await ask('POST', '/api/v1/namespaces/default/configmaps', JSON.stringify(owned))).text).toContain('U+0000')
    for (const selector of ['metadata.name%3D%00', 'spec.owner%3D%00'])
      expect([200, 400]).toContain((await ask('GET', `${WORKSPACES}?fieldSelector=${selector}`)).code)
  })

  test('that are none', async () => {
    for (const path of [
      '/%',
      '/%ff%fe',
      `/${'/'.repeat(5000)}`,
      `/${'../'.repeat(2000)}etc/passwd`,
      `${WORKSPACES}/%00`,
      `${WORKSPACES}/..%2f..%2f`,
      `/apis/${'a/'.repeat(3000)}`,
    ])
      expect([path.slice(0, 20), (await ask('GET', path)).code]).toEqual([
        path.slice(0, 20),
        expect.toSatisfy((code: number) => code >= 400 && code < 500),
      ])
    for (const target of ['*', 'http://other.example/', '/a b', '/\u0001', ''])
      expect(await raw(`GET ${target} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n`)).toMatch(/^HTTP\/1\.1 4|^$/)
  })
})

describe('connections', () => {
  const START = `POST ${WORKSPACES} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer secret\r\ncontent-type: application/json\r\n`

  test.each([
    ['two lengths', `${START}content-length: 2\r\ncontent-length: 3\r\n\r\n{}`],
    ['a length and pieces', `${START}content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`],
    ['pieces twice', `${START}transfer-encoding: chunked, chunked\r\n\r\n0\r\n\r\n`],
    ['a piece whose length is none', `${START}transfer-encoding: chunked\r\n\r\nzz\r\n`],
    ['a piece whose length is endless', `${START}transfer-encoding: chunked\r\n\r\n${'f'.repeat(1000)}\r\n`],
    ['a piece with much to say', `${START}transfer-encoding: chunked\r\n\r\n1;${'x'.repeat(200_000)}\r\n`],
    ['a length below nothing', `${START}content-length: -1\r\n\r\n`],
    ['lines that end otherwise', 'GET /version HTTP/1.1\nhost: localhost\nauthorization: Bearer secret\n\n'],
    ['a header with a zero', `GET /version HTTP/1.1\r\nhost: localhost\r\nx: \0\r\n\r\n`],
    ['a header in two lines', `GET /version HTTP/1.1\r\nhost: localhost\r\nx: a\r\n b\r\n\r\n`],
    ['another protocol', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['random bytes', Buffer.from(Array.from({ length: 5000 }, (_, i) => (i * 7919 + 5) % 256))],
    [
      'five thousand headers',
      `GET /version HTTP/1.1\r\nhost: localhost\r\n${Array.from({ length: 5000 }, (_, i) => `x${i}: y\r\n`).join('')}\r\n`,
    ],
  ])('with %s', async (_what, text) => {
    expect(await raw(text)).toMatch(/^HTTP\/1\.1 4|^$/)
  })

  test('whose headers and bodies come drop by drop', async () => {
    const slow = await Promise.all(Array.from({ length: 200 }, open))
    for (const socket of slow) socket.write('GET /version HTTP/1.1\r\nhost: localhost\r\n')
    let drops = 0
    await until(
      'all of them to be dropped',
      () => {
        drops += 1
        for (const socket of slow) if (!socket.destroyed) socket.write(`x${drops}: y\r\n`)
        return slow.every((socket) => socket.destroyed)
      },
      { everyMs: 200 },
    )
  })

  test('that begin TLS and never mean it', async () => {
    const half = await Promise.all(Array.from({ length: 300 }, open))
    half.forEach((socket, i) => {
      if (i % 3 === 0) socket.write(Buffer.from([0x16, 3, 1, 0x3f, 0xff]))
      if (i % 3 === 1) socket.write(Buffer.concat([Buffer.from([0x16, 3, 1, 0x10, 0]), Buffer.alloc(8000, i)]))
      if (i % 3 === 2) socket.write(Buffer.from([0x16]))
    })
    await until('all of them to be dropped', () => half.every((socket) => socket.destroyed))
    await Promise.all(Array.from({ length: 100 }, () => shakenHands()))
  })

  test('by the thousand that say nothing', async () => {
    const idle: Socket[] = []
    for (let i = 0; i < 20; i += 1) idle.push(...(await Promise.all(Array.from({ length: 100 }, open))))
    expect((await ask('GET', '/version')).code).toBe(200)
    await until('all of them to be dropped', () => idle.every((socket) => socket.destroyed))
  })

  test('that ask a thousand times in one breath, and read nothing', async () => {
    const socket = await open()
    socket.pause()
    socket.write(`GET ${WORKSPACES} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer secret\r\n\r\n`.repeat(1000))
    for (let i = 0; i < 20; i += 1) expect((await ask('GET', '/version')).code).toBe(200)
    socket.resume()
    await until('it to be dropped', () => socket.destroyed)
  })

  test('that list or watch more than fits into memory, and read nothing', async () => {
    const { db } = database
    await db.query(
      `insert into objects (kind, namespace, name, uid, version, body, owners, deleting, applied)
        select 'ConfigMap', 'default', 'large-' || i, 'large-' || i, 0, json_build_object('apiVersion', 'v1', 'kind', 'ConfigMap',
          'metadata', json_build_object('name', 'large-' || i, 'namespace', 'default', 'uid', 'large-' || i),
          'data', json_build_object('a', repeat('x', 1000000))), '{}', false, '{}' from generate_series(1, 400) i`,
    )
    const path = '/api/v1/namespaces/default/configmaps'
    for (const query of ['', '?watch=1', '?includeObject=Object']) {
      const socket = await open()
      const begun = () => /"kind"|"type"/.test(socket.seen)
      socket.on('data', () => begun() && socket.pause())
      socket.write(
        `GET ${path}${query} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer secret\r\naccept: application/json${query.includes('Object') ? ';as=Table;v=v1;g=meta.k8s.io' : ''}\r\n\r\n`,
      )
      await until('the answer to begin', begun)
    }
    expect((await measured()).heapMB).toBeLessThan(HEAP_MB_MAX)
    const page = await ask('GET', `${path}?limit=500`)
    expect([page.code, page.text.includes('"continue":"'), page.text.length < 100_000_000]).toEqual([200, true, true])
    await db.query("delete from objects where name like 'large-%'")
  })

  test('that watch more than there may be watches', async () => {
    await nobodyWatches()
    const watching = await Promise.all(Array.from({ length: 600 }, open))
    for (const [i, socket] of watching.entries()) socket.write(watchOf(`somebody${i % 5}`))
    await until('an answer to each', () => watching.every(({ seen }) => /^HTTP\/1\.1 \d+/.test(seen)))
    const codes = watching.map(({ seen }) => seen.slice(9, 12))
    expect([codes.filter((code) => code === '200').length, codes.filter((code) => code === '429').length]).toEqual([512, 88])
  })

  test("that watch more than one alone may, at nobody else's cost", async () => {
    await nobodyWatches()
    const watching = await Promise.all(Array.from({ length: 200 }, open))
    for (const socket of watching) socket.write(watchOf('eve'))
    await until('an answer to each', () => watching.every(({ seen }) => /^HTTP\/1\.1 \d+/.test(seen)))
    const refused = watching.filter(({ seen }) => seen.slice(9, 12) === '429')
    expect(refused.length).toBe(72)
    for (const { seen } of refused)
      expect(seen).toMatch(
        /\r\nretry-after: 1\r\n.*"message":"Too many requests, please try again later: 128 watches of eve are open already"/s,
      )
    const other = await open()
    other.write(watchOf('ada'))
    await until('somebody else to watch', () => other.seen.startsWith('HTTP/1.1 200'))
    // One goes, and another may come.
    watching.find(({ seen }) => seen.slice(9, 12) === '200')?.destroy()
    await until('room for one', async () => {
      const next = await open()
      next.write(watchOf('eve'))
      await until('its answer', () => /^HTTP\/1\.1 \d+/.test(next.seen))
      return next.seen.startsWith('HTTP/1.1 200')
    })
  })

  test('with one wrong token after another', async () => {
    const codes = await Promise.all(Array.from({ length: 500 }, async (_, i) => (await ask('GET', WORKSPACES, '', '', `bothy_${i}`)).code))
    expect(codes.every((code) => code === 401 || code === 429 || code === 503)).toBe(true)
  })
})

const nobodyWatches = () =>
  until('nobody to watch any more', async () => (await ask('GET', '/metrics')).text.includes('\nbothy_api_watches 0\n'))

const watchOf = (user: string): string =>
  `GET ${WORKSPACES}?watch=1 HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer secret-of-${user}\r\n\r\n`

const shakenHands = (): Promise<void> =>
  new Promise((resolve, reject) => {
    const socket = connectTls({ host: '127.0.0.1', port, rejectUnauthorized: false }, () => {
      socket.destroy()
      resolve()
    })
    socket.on('error', reject)
  })
