import { afterAll, expect, test } from 'vitest'
import type { Draft, Writer } from '../../controller/cluster/port.ts'
import { openStandalone } from '../../controller/cluster/standalone.ts'
import { systemClock } from '../../controller/kernel/clock.ts'
import { jsonLog } from '../../controller/kernel/log.ts'
import { JSON_VALUES_MAX } from '../../crds/schema/parse.ts'
import { withDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'

/** Objects that anybody may write, and that nobody else's deletions may have to wait for. */

const { db } = await withDatabase()
const lines: string[] = []
const log = jsonLog(systemClock, 'warn', (line) => lines.push(line))
const { cluster, close } = await openStandalone({ db, clock: systemClock, log })
afterAll(close)

const ada: Writer = { manager: 'test', user: 'ada' }
const made = (metadata: Draft['metadata']) =>
  cluster.create({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { namespace: 'default', ...metadata } }, ada)
const found = (name: string) => cluster.get('ConfigMap', 'default', name)
const remove = (name: string, options = {}) => cluster.delete('ConfigMap', 'default', name, ada, options)
const ownedBy = async (name: string) => {
  const { metadata } = await made({ name })
  return { apiVersion: 'v1', kind: 'ConfigMap', name, uid: metadata.uid, blockOwnerDeletion: true }
}

test('one with the character U+0000 that goes, or is waited for', async () => {
  const annotations = { zero: '\0', both: '\\u0000' }
  const held = await made({ name: 'held', annotations, finalizers: ['example.com/held'] })
  await remove('held')
  const owner = await ownedBy('owner')
  await made({ name: 'owned', ownerReferences: [owner] })
  await remove('owner')
  await until('what it owned to go', async () => (await found('owned')) === null)

  const waiting = await made({ name: 'waiting', annotations })
  const reference = { apiVersion: 'v1', kind: 'ConfigMap', name: 'waiting', uid: waiting.metadata.uid, blockOwnerDeletion: true }
  await made({ name: 'first', annotations, ownerReferences: [reference], finalizers: ['example.com/held'] })
  await remove('waiting', { propagation: 'Foreground' })
  await until('the first to be told to go', async () => (await found('first'))?.metadata.deletionTimestamp)
  expect((await found('waiting'))?.metadata.annotations).toEqual(annotations)
  await cluster.patch('ConfigMap', 'default', 'first', { metadata: { finalizers: null } }, ada)
  await until('both to be gone', async () => (await found('first')) === null && (await found('waiting')) === null)
  expect((await found('held'))?.metadata.uid).toBe(held.metadata.uid)
})

test('one of as many values as may be sent', async () => {
  const owners = [await ownedBy('goes'), await ownedBy('stays')]
  const finalizers = Array.from({ length: JSON_VALUES_MAX - 14 }, (_, i) => `example.com/${i}`)
  await made({ name: 'wide', ownerReferences: owners, finalizers })
  await remove('goes')
  await until('it to forget who is gone', async () => (await found('wide'))?.metadata.ownerReferences?.length === 1)
  const more = Object.fromEntries(Array.from({ length: 10 }, (_, i) => [`k${i}`, '']))
  await expect(cluster.patch('ConfigMap', 'default', 'wide', { data: more }, ada)).rejects.toMatchObject({ code: 413 })
  await remove('wide')
  await cluster.patch('ConfigMap', 'default', 'wide', { metadata: { finalizers: null } }, ada)
  expect(await found('wide')).toBeNull()
})

test('one as large as may be', async () => {
  const name = 'long'
  const draft = { apiVersion: 'bothy.dev/v1alpha1', kind: 'Template', metadata: { name, finalizers: ['example.com/held'] } }
  const files = Object.fromEntries(Array.from({ length: 5 }, (_, i) => [`${i}.tf`, 'x'.repeat(256 * 1024)]))
  const grown = (last: number) =>
    cluster.patch('Template', 'default', name, { spec: { source: { inline: { files: { 'last.tf': 'x'.repeat(last) } } } } }, ada)
  const { metadata, spec } = await cluster.create({ ...draft, spec: { source: { type: 'Inline', inline: { files } } } }, ada)
  const left = 1.5 * 1024 * 1024 - JSON.stringify({ ...draft, metadata, spec }).length
  await grown(left - 50)
  await expect(grown(left + 50)).rejects.toMatchObject({ code: 413 })
  const { metadata: ending } = await cluster.delete('Template', 'default', name, ada, { propagation: 'Foreground' })
  expect(ending.deletionTimestamp).toBeDefined()
})

test('and nothing went wrong for what was collected', () => {
  expect(lines).toEqual([])
})
