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

function listed(accept: string): Promise<IncomingMessage> {
  const headers = { authorization: `Bearer ${plane.token}`, 'accept-encoding': accept }
  return new Promise((resolve, reject) => {
    request(`${plane.url.replace('https:', 'http:')}${PATH}`, { headers }, resolve)
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
  const answer = await listed('identity')
  const last = NAMES.at(-1) ?? ''
  await plane.cluster.patch('ConfigMap', 'default', last, { data: { n: 'after' } }, WRITER)
  await plane.cluster.delete('ConfigMap', 'default', NAMES.at(-2) ?? '', WRITER)
  await plane.cluster.create(configMap('longest', {}), WRITER)
  const list = JSON.parse(await textOf(answer)) as { items: { metadata: { name: string }; data: { n: string } }[] }
  const shown = list.items
    .filter(({ metadata }) => metadata.name.startsWith('long'))
    .map(({ metadata, data }) => `${metadata.name} ${data.n}`)
  expect(shown).toEqual(NAMES.map((name) => `${name} before`))
  const now = JSON.parse(await textOf((await listed('gzip')).pipe(createGunzip()))) as typeof list
  expect(now.items.map(({ metadata }) => metadata.name)).toEqual(expect.arrayContaining([last, 'longest']))
  expect(now.items.find(({ metadata }) => metadata.name === last)?.data.n).toBe('after')
})
