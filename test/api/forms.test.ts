import { gunzipSync } from 'node:zlib'
import { request } from 'node:http'
import { beforeAll, describe, expect, test } from 'vitest'
import { isJsonObject } from '../../crds/schema/types.ts'
import { withPlane } from '../kubectl/plane.ts'
import { until } from '../support/until.ts'

/** In what shapes objects and what is known of their kinds are answered. */

const WORKSPACES = '/apis/bothy.dev/v1alpha1/namespaces/default/workspaces'
const TABLE = 'application/json;as=Table;v=v1;g=meta.k8s.io'
const METADATA = 'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io'
const WRITER = { manager: 'test', user: 'ada' }

const plane = await withPlane()
beforeAll(async () => {
  await create('dev')
})

const create = (name: string, spec: object = {}) =>
  plane.cluster.create(
    {
      apiVersion: 'bothy.dev/v1alpha1',
      kind: 'Workspace',
      metadata: { name },
      spec: { owner: 'ada', template: { name: 'node' }, ...spec },
    },
    WRITER,
  )

interface Answered {
  readonly code: number
  readonly headers: Headers
  readonly body: unknown
}

/** Plain HTTP is answered on the same port. */
const plainUrl = () => plane.url.replace('https:', 'http:')

async function ask(path: string, headers: Readonly<Record<string, string>> = {}): Promise<Answered> {
  const answer = await fetch(`${plainUrl()}${path}`, { headers: { authorization: `Bearer ${plane.token}`, ...headers } })
  const text = await answer.text()
  return { code: answer.status, headers: answer.headers, body: text === '' ? null : JSON.parse(text) }
}

/** The first changes of a watch in this shape. */
async function firstChanges(path: string, accept: string, count: number) {
  const ended = new AbortController()
  const answer = await fetch(`${plainUrl()}${path}`, { headers: { authorization: `Bearer ${plane.token}`, accept }, signal: ended.signal })
  let text = ''
  const reading = (async () => {
    for await (const part of answer.body ?? []) text += new TextDecoder().decode(part)
  })().catch(() => {})
  const lines = () => text.split('\n').slice(0, -1)
  return {
    async told() {
      await until('all to be told', () => lines().length >= count)
      ended.abort()
      await reading
      return lines().map((line) => JSON.parse(line) as { type: string; object: Record<string, unknown> })
    },
  }
}

describe('tables', () => {
  test('have a row an object, and the metadata of each', async () => {
    const { body } = await ask(WORKSPACES, { accept: `${TABLE},application/json` })
    expect(body).toMatchObject({
      kind: 'Table',
      apiVersion: 'meta.k8s.io/v1',
      metadata: { resourceVersion: expect.stringMatching(/^\d+$/) },
      rows: [{ cells: ['dev', null, null, 'node', null, null, null, null, null, null, expect.stringMatching(/^\d+s$/)] }],
    })
    const { columnDefinitions, rows } = body as { columnDefinitions: { name: string; priority: number }[]; rows: { object: object }[] }
    expect(columnDefinitions.map(({ name }) => name)).toEqual(
      'Name State Ready Template Owner Stops Reason Version Last-Used Next-Start Age'.split(' '),
    )
    expect(columnDefinitions[0]).toMatchObject({ type: 'string', format: 'name', priority: 0 })
    expect(rows[0]?.object).toMatchObject({ kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: { name: 'dev' } })
    expect(rows[0]?.object).not.toHaveProperty('spec')
  })

  test('carry as much of an object as is asked for', async () => {
    const objects = async (included: string) => {
      const { body } = await ask(`${WORKSPACES}/dev?includeObject=${included}`, { accept: TABLE })
      return (body as { rows: { object: unknown }[] }).rows[0]?.object
    }
    expect(await objects('None')).toBeNull()
    expect(await objects('Object')).toMatchObject({ kind: 'Workspace', spec: { owner: 'ada' } })
    expect((await ask(`${WORKSPACES}?includeObject=Everything`, { accept: TABLE })).code).toBe(400)
  })

  test('change while they are watched, and say their columns once', async () => {
    const { body } = await ask(WORKSPACES)
    const version = isJsonObject(body) && isJsonObject(body['metadata']) ? String(body['metadata']['resourceVersion']) : ''
    const watch = await firstChanges(`${WORKSPACES}?watch=true&resourceVersion=${version}`, TABLE, 2)
    await create('one')
    await create('two')
    const lines = await watch.told()
    expect(lines.map(({ type, object }) => [type, object['kind'], (object['rows'] as { cells: string[] }[])[0]?.cells[0]])).toEqual([
      ['ADDED', 'Table', 'one'],
      ['ADDED', 'Table', 'two'],
    ])
    expect(lines.map(({ object }) => Array.isArray(object['columnDefinitions']))).toEqual([true, false])
  })
})

test('metadata alone is answered where that is enough, and what cannot be is refused', async () => {
  const { body } = await ask(`${WORKSPACES}?limit=1`, { accept: METADATA })
  expect(body).toMatchObject({ kind: 'PartialObjectMetadataList', items: [{ kind: 'PartialObjectMetadata', metadata: { name: 'dev' } }] })
  expect(JSON.stringify(body)).not.toContain('"spec"')
  expect((await ask(WORKSPACES, { accept: 'application/vnd.kubernetes.protobuf' })).code).toBe(406)
  expect((await ask(WORKSPACES, { accept: 'application/vnd.kubernetes.protobuf,application/json' })).code).toBe(200)
})

const objectIn = ({ object }: { object: Record<string, unknown> }) => (object['rows'] as { object: { kind: string } }[])[0]?.object.kind

test('each watcher of the same changes is told in its own shape, and by its own selection', async () => {
  const { body } = await ask(`${WORKSPACES}?limit=1`)
  const { resourceVersion } = (body as { metadata: { resourceVersion: string } }).metadata
  const path = `${WORKSPACES}?watch=true&resourceVersion=${resourceVersion}`
  const shapes = ['application/json', 'application/json', METADATA, TABLE, TABLE]
  const watches = await Promise.all([
    ...shapes.map((accept) => firstChanges(path, accept, 2)),
    firstChanges(`${path}&includeObject=Object`, TABLE, 2),
    firstChanges(`${path}&labelSelector=in=yes`, 'application/json', 1),
  ])
  await create('shared')
  await plane.cluster.patch('Workspace', 'default', 'shared', { metadata: { labels: { in: 'yes' } } }, WRITER)
  const [plain = [], again = [], metadata = [], table = [], tableAgain = [], whole = [], selected = []] = await Promise.all(
    watches.map((watch) => watch.told()),
  )
  expect(plain.map(({ type, object }) => [type, object['kind'], Object.hasOwn(object, 'spec')])).toEqual([
    ['ADDED', 'Workspace', true],
    ['MODIFIED', 'Workspace', true],
  ])
  expect(again).toEqual(plain)
  expect(metadata.map(({ type, object }) => [type, object['kind'], object['metadata']])).toEqual(
    plain.map(({ type, object }) => [type, 'PartialObjectMetadata', object['metadata']]),
  )
  for (const rows of [table, tableAgain, whole]) {
    expect(rows.map(({ type, object }) => [type, Array.isArray(object['columnDefinitions'])])).toEqual([
      ['ADDED', true],
      ['MODIFIED', false],
    ])
  }
  expect([...table, ...tableAgain].map(objectIn)).toEqual(Array(4).fill('PartialObjectMetadata'))
  expect(whole.map(objectIn)).toEqual(['Workspace', 'Workspace'])
  expect(selected).toEqual([{ type: 'ADDED', object: plain[1]?.object }])
})

describe('a long list', () => {
  const LONG = '/api/v1/namespaces/long/configmaps'
  beforeAll(async () => {
    await plane.cluster.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'long' } }, WRITER)
    for (let i = 0; i < 40; i += 1) {
      const draft = {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: `c-${i}`, namespace: 'long' },
        data: { text: 'é'.repeat(20_000) },
      }
      await plane.cluster.create(draft, WRITER)
    }
  })

  const raw = (headers: Readonly<Record<string, string>>) =>
    new Promise<{ bytes: Buffer; encoding: string | undefined }>((resolve, reject) => {
      const asked = request(`${plainUrl()}${LONG}`, { headers: { authorization: `Bearer ${plane.token}`, ...headers } }, (answer) => {
        const parts: Buffer[] = []
        answer.on('data', (part: Buffer) => parts.push(part))
        answer.on('end', () => resolve({ bytes: Buffer.concat(parts), encoding: answer.headers['content-encoding'] }))
      })
      asked.on('error', reject).end()
    })

  test('is the same in pieces, compressed and not', async () => {
    const [plain, zipped, refused] = await Promise.all([
      raw({}),
      raw({ 'accept-encoding': 'gzip, br' }),
      raw({ 'accept-encoding': 'gzip;q=0' }),
    ])
    expect([plain.encoding, zipped.encoding, refused.encoding]).toEqual([undefined, 'gzip', undefined])
    expect(zipped.bytes.length).toBeLessThan(plain.bytes.length / 4)
    expect(gunzipSync(zipped.bytes).equals(plain.bytes)).toBe(true)
    expect(refused.bytes.equals(plain.bytes)).toBe(true)
    const list = JSON.parse(plain.bytes.toString()) as { kind: string; items: { data: { text: string } }[] }
    expect([list.kind, list.items.length, list.items.at(-1)?.data.text.length]).toEqual(['ConfigMapList', 40, 20_000])
  })

  test('that somebody stops reading keeps nothing open, and ends when the server does', async () => {
    for (const headers of [{}, { 'accept-encoding': 'gzip' }]) {
      const asked = request(`${plainUrl()}${LONG}`, { headers: { authorization: `Bearer ${plane.token}`, ...headers } })
      const begun = new Promise<void>((resolve) => asked.on('response', (answer) => void answer.once('data', () => resolve())))
      asked.on('error', () => {}).end()
      await begun
      const answers = () => plane.logged().split(`"path":"${LONG}"`).length
      const before = answers()
      asked.destroy()
      await until('the answer to be over', () => answers() > before)
    }
    expect((await ask('/healthz')).code).toBe(200)
  })
})

describe('what is served', () => {
  const ALL = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList'

  test('is told in one piece, with a tag that saves the next', async () => {
    const { headers, body } = await ask('/apis', { accept: `${ALL},application/json` })
    expect(headers.get('content-type')).toBe(ALL)
    expect(body).toMatchObject({ kind: 'APIGroupDiscoveryList', apiVersion: 'apidiscovery.k8s.io/v2' })
    const tag = headers.get('etag') ?? ''
    expect(tag).toMatch(/^"[0-9A-F]{64}"$/)
    expect(await ask('/apis', { accept: ALL, 'if-none-match': tag })).toMatchObject({ code: 304, body: null })
    expect((await ask('/apis', { accept: ALL, 'if-none-match': '"another"' })).code).toBe(200)
    expect((await ask('/apis')).body).toMatchObject({ kind: 'APIGroupList' })
  })

  test('is the same group by group', async () => {
    const { body } = await ask('/apis/bothy.dev')
    expect(body).toMatchObject({ kind: 'APIGroup', preferredVersion: { groupVersion: 'bothy.dev/v1alpha1' } })
    const { body: list } = await ask('/api/v1')
    const { resources } = list as { resources: { name: string }[] }
    expect(resources.map(({ name }) => name)).toEqual(['configmaps', 'events', 'namespaces', 'secrets'])
  })

  test('is described by documents that all their references lead into', async () => {
    const { body } = await ask('/openapi/v3')
    const { paths } = body as { paths: Record<string, { serverRelativeURL: string }> }
    expect(Object.keys(paths).toSorted()).toEqual(['api/v1', 'apis/bothy.dev/v1alpha1', 'apis/events.k8s.io/v1'])
    for (const { serverRelativeURL } of Object.values(paths)) {
      const { headers, body: document } = await ask(serverRelativeURL)
      expect(serverRelativeURL.endsWith(`hash=${(headers.get('etag') ?? '').replaceAll('"', '')}`)).toBe(true)
      const { schemas } = (document as { components: { schemas: Record<string, unknown> } }).components
      const named = [...JSON.stringify(document).matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g)].map(([, name]) => name ?? '')
      expect(named.filter((name) => !isJsonObject(schemas[name]))).toEqual([])
      expect((await ask(serverRelativeURL, { 'if-none-match': headers.get('etag') ?? '' })).code).toBe(304)
    }
    expect((await ask('/openapi/v2')).code).toBe(404)
  })
})
