import { createGunzip } from 'node:zlib'
import { request, type IncomingMessage } from 'node:http'
import { expect, test } from 'vitest'
import { withPlane } from '../kubectl/plane.ts'

/** A list that is read while it is written, by somebody who takes their time. */

const PATH = '/api/v1/namespaces/default/configmaps'
const WRITER = { manager: 'test', user: 'ada' }
const NAMES = Array.from({ length: 42 }, (_, i) => `long-${100 + i}`)
/** Little on the disk, much on the way. */
const MEGABYTE = 'x'.repeat(1_000_000)

const plane = await withPlane()

const configMap = (name: string, data: object) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { namespace: 'default', name }, data })

function asked(method: string, query: string, accept = 'identity'): Promise<IncomingMessage> {
  const headers = { authorization: `Bearer ${plane.token}`, 'accept-encoding': accept }
  return new Promise((resolve, reject) => {
    request(`${plane.url.replace('https:', 'http:')}${PATH}${query}`, { method, headers }, resolve)
      .on('error', reject)
      .end()
  })
}

async function textOf(answer: AsyncIterable<Buffer>): Promise<string> {
  const parts: Buffer[] = []
  for await (const part of answer) parts.push(part)
  return Buffer.concat(parts).toString('utf8')
}

test('shows what was when it began', { timeout: 120_000 }, async () => {
  for (const name of NAMES) await plane.cluster.create(configMap(name, { n: 'before', MEGABYTE }), WRITER)
  // Nobody reads it yet, and no more of it is on the way than fits between the two.
  const answer = await asked('GET', '')
  const last = NAMES.at(-1) ?? ''
  await plane.cluster.patch('ConfigMap', 'default', last, { data: { n: 'after' } }, WRITER)
  await plane.cluster.delete('ConfigMap', 'default', NAMES.at(-2) ?? '', WRITER)
  await plane.cluster.create(configMap('longest', {}), WRITER)
  const list = JSON.parse(await textOf(answer)) as { items: { metadata: { name: string }; data: { n: string } }[] }
  const shown = list.items
    .filter(({ metadata }) => metadata.name.startsWith('long'))
    .map(({ metadata, data }) => `${metadata.name} ${data.n}`)
  expect(shown).toEqual(NAMES.map((name) => `${name} before`))
  const now = JSON.parse(await textOf((await asked('GET', '', 'gzip')).pipe(createGunzip()))) as typeof list
  expect(now.items.map(({ metadata }) => metadata.name)).toEqual(expect.arrayContaining([last, 'longest']))
  expect(now.items.find(({ metadata }) => metadata.name === last)?.data.n).toBe('after')
})

test('is deleted as it was when it began, and nothing that came in its place', async () => {
  const labels = { gone: 'soon' }
  const make = (name: string) => plane.cluster.create({ ...configMap(name, {}), metadata: { namespace: 'default', name, labels } }, WRITER)
  for (const name of ['one', 'three', 'two']) await make(name)
  const first = JSON.parse(await textOf(await asked('GET', '?limit=1&labelSelector=gone'))) as { metadata: { continue: string } }
  await plane.cluster.delete('ConfigMap', 'default', 'three', WRITER)
  const { metadata: anew } = await make('three')
  const answer = await asked('DELETE', `?labelSelector=gone&continue=${first.metadata.continue}`)
  expect([answer.statusCode, (await textOf(answer)).includes('"two"')]).toEqual([200, true])
  const { items } = await plane.cluster.list('ConfigMap', { labelSelector: 'gone' })
  expect(items.map(({ metadata }) => metadata.name)).toEqual(['one', 'three'])
  expect(items[1]?.metadata.uid).toBe(anew.uid)
})
