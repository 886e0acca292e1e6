import { afterAll, expect, test } from 'vitest'
import type { Change, Page, Resource, Writer } from '../../controller/cluster/port.ts'
import { openStandalone } from '../../controller/cluster/standalone.ts'
import { systemClock } from '../../controller/kernel/clock.ts'
import { silentLog } from '../../controller/kernel/log.ts'
import { withDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'
import { workspaceOf } from './port.behaviour.ts'

/** All pages of a list are of the moment of the first one, whatever is written between them. */

const { db } = await withDatabase()
const { cluster, close } = await openStandalone({ db, clock: systemClock, log: silentLog })
afterAll(close)

const ada: Writer = { manager: 'test', user: 'ada' }

async function inNewNamespace(namespace: string, names: readonly string[]): Promise<void> {
  await cluster.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } }, ada)
  for (const name of names) await cluster.create(workspaceOf({ namespace, name, labels: { n: '1' } }), ada)
}

const relabel = (namespace: string, name: string, n: string) =>
  cluster.patch('Workspace', namespace, name, { metadata: { labels: { n } } }, ada)
const shown = ({ metadata: { name, labels, resourceVersion } }: Resource) => `${name} ${labels?.['n']} at ${resourceVersion}`
const goneOn = (namespace: string, { continue: next = '' }: Page, limit = 2) =>
  cluster.list('Workspace', { namespace, limit, continue: next })

test('a page shows what was when the first one was read', async () => {
  const namespace = 'pages'
  await inNewNamespace(namespace, ['a', 'b', 'c', 'd', 'e', 'f'])
  const before = await cluster.list('Workspace', { namespace })
  const first = await cluster.list('Workspace', { namespace, limit: 2 })
  await Promise.all(['a', 'c', 'd'].map((name) => relabel(namespace, name, '2')))
  await relabel(namespace, 'd', '3')
  await cluster.delete('Workspace', namespace, 'c', ada)
  await cluster.delete('Workspace', namespace, 'e', ada)
  for (const name of ['bb', 'e', 'g']) await cluster.create(workspaceOf({ namespace, name, labels: { n: '4' } }), ada)
  const second = await goneOn(namespace, first)
  const third = await goneOn(namespace, second)
  expect([...first.items, ...second.items, ...third.items].map(shown)).toEqual(before.items.map(shown))
  expect([second, third].map((page) => page.resourceVersion)).toEqual([first.resourceVersion, first.resourceVersion])
  expect(third.continue).toBeUndefined()
  const selected = await cluster.list('Workspace', { namespace, labelSelector: 'n=1', limit: 1 })
  await relabel(namespace, 'f', '5')
  const rest = await cluster.list('Workspace', { namespace, labelSelector: 'n=1', limit: 5, continue: selected.continue ?? '' })
  expect([...selected.items, ...rest.items].map(({ metadata }) => metadata.name)).toEqual(['b', 'f'])
})

test('so does one of events, when the namespace is gone with them', async () => {
  const namespace = 'noted'
  await inNewNamespace(namespace, [])
  const event = (name: string) => ({
    apiVersion: 'events.k8s.io/v1',
    kind: 'Event',
    metadata: { namespace, name },
    eventTime: '2026-11-21T08:00:00.000000Z',
    reportingController: 'test',
    reportingInstance: 'test',
    action: 'Testing',
    reason: 'Tested',
    type: 'Normal',
    regarding: { kind: 'Namespace', name: namespace },
  })
  for (const name of ['one', 'three', 'two']) await cluster.create(event(name), ada)
  const first = await cluster.list('Event', { namespace, limit: 1 })
  await cluster.delete('Namespace', '', namespace, ada)
  await until('the namespace to go', async () => (await cluster.get('Namespace', '', namespace)) === null)
  const rest = await cluster.list('Event', { namespace, limit: 5, continue: first.continue ?? '' })
  expect([...first.items, ...rest.items].map(({ metadata }) => metadata.name)).toEqual(['one', 'three', 'two'])
})

test('a page of as many as there are is the last one, and a watch begins with what was when it began', async () => {
  const namespace = 'many'
  await inNewNamespace(namespace, ['a'])
  await db.query(
    `insert into objects (kind, namespace, name, uid, version, body, owners, deleting, applied)
      select kind, namespace, 'b' || i, 'b' || i, version, replace(body::text, '"name":"a"', '"name":"b' || i || '"')::json, '{}', false, '{}'
      from objects, generate_series(100, 598) i where kind = 'Workspace' and namespace = $1`,
    [namespace],
  )
  expect(await cluster.list('Workspace', { namespace, limit: 500 })).not.toHaveProperty('continue')
  await cluster.create(workspaceOf({ namespace, name: 'z', labels: { n: '1' } }), ada)

  const over = new AbortController()
  const changes = cluster.watch('Workspace', { namespace, initialEvents: true, bookmarks: true }, over.signal)[Symbol.asyncIterator]()
  const told: Change[] = []
  const tell = async () => {
    const { value, done } = await changes.next()
    if (!done) told.push(value)
  }
  await tell()
  await relabel(namespace, 'z', '2')
  while (told.length < 503) await tell()
  over.abort()
  expect(
    told.slice(-3).map((change) => (change.type === 'BOOKMARK' ? 'all' : `${change.type} ${shown(change.object).slice(0, 3)}`)),
  ).toEqual(['ADDED z 1', 'all', 'MODIFIED z 2'])
})

test('what is not known any more is not made up', async () => {
  const namespace = 'late'
  await inNewNamespace(namespace, ['a', 'b', 'c'])
  const expired = { reason: 'Expired', code: 410 }
  const lapse = () => db.query("update object_version set past_until = '-infinity'")

  const lapsed = await cluster.list('Workspace', { namespace, limit: 1 })
  await lapse()
  expect((await goneOn(namespace, lapsed)).items).toHaveLength(2)
  await lapse()
  await relabel(namespace, 'b', '2')
  await expect(goneOn(namespace, lapsed)).rejects.toMatchObject(expired)

  const pruned = await cluster.list('Workspace', { namespace, limit: 1 })
  await relabel(namespace, 'b', '3')
  expect(shown((await goneOn(namespace, pruned)).items[0]!)).toMatch(/^b 2 /)
  await db.query('delete from past_objects')
  await expect(goneOn(namespace, pruned)).rejects.toMatchObject(expired)

  const ahead = { version: 1e15, namespace, name: 'a', asked: 'x' }
  const { asked } = JSON.parse(Buffer.from(pruned.continue ?? '', 'base64url').toString()) as typeof ahead
  for (const [version, code] of [
    [1e15, 410],
    [1.5, 400],
  ] as const) {
    const made = Buffer.from(JSON.stringify({ ...ahead, version, asked })).toString('base64url')
    await expect(goneOn(namespace, { ...pruned, continue: made })).rejects.toMatchObject({ code })
  }
})

test('while nobody reads page by page nothing is kept', async () => {
  const namespace = 'calm'
  await inNewNamespace(namespace, ['a', 'b'])
  await db.query("update object_version set past_until = '-infinity'")
  await db.query('delete from past_objects')
  await cluster.list('Workspace', { namespace })
  await Promise.all(['a', 'b'].map((name) => relabel(namespace, name, '2')))
  await cluster.delete('Workspace', namespace, 'a', ada)
  expect(await db.query('select from past_objects')).toEqual([])
})
