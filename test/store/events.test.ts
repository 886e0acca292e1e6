import { afterAll, expect, onTestFinished, test } from 'vitest'
import { openStandalone } from '../../controller/cluster/standalone.ts'
import type { Change, Cluster } from '../../controller/cluster/port.ts'
import { systemClock } from '../../controller/kernel/clock.ts'
import { isRefused } from '../../controller/kernel/errors.ts'
import { silentLog } from '../../controller/kernel/log.ts'
import { databaseNow } from '../../controller/store/pool.ts'
import { prune } from '../../controller/store/retention.ts'
import { withDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'

/** Events come and go as other objects do: of one name there is one, and whoever watches is told of the end of each. */

const { db } = await withDatabase()
const { cluster, close } = await openStandalone({ db, clock: systemClock, log: silentLog })
afterAll(close)

const ada = { manager: 'test', user: 'ada' }
const DAY_MS = 86_400_000

const write = (name: string, note: string, daysAgo = 0) =>
  cluster.create(
    {
      apiVersion: 'events.k8s.io/v1',
      kind: 'Event',
      metadata: { namespace: 'default', name },
      eventTime: new Date(systemClock.now() - daysAgo * DAY_MS).toISOString().replace('Z', '000Z'),
      regarding: { kind: 'Workspace', namespace: 'default', name: 'dev' },
      type: 'Normal',
      reason: 'Said',
      action: 'Say',
      note,
      reportingController: 'test',
      reportingInstance: 'test',
    } as Parameters<Cluster['create']>[0],
    ada,
  )

/** Whatever is told from a version on. */
function watched(from: string): readonly Change[] {
  const told: Change[] = []
  const over = new AbortController()
  onTestFinished(() => over.abort())
  void (async () => {
    for await (const change of cluster.watch('Event', { from }, over.signal)) told.push(change)
  })()
  return told
}

const told = (changes: readonly Change[]) =>
  changes.map((each) => (each.type === 'BOOKMARK' ? '' : `${each.type} ${each.object.metadata.name}`))

test('of those who write one name at once, one does', async () => {
  const { resourceVersion } = await cluster.list('Event')
  const changes = watched(resourceVersion)
  const notes = ['one', 'two', 'three']
  const all = await db.transaction(async (held) => {
    await held.query('select from object_version for update')
    const writing = Promise.allSettled(notes.map((note) => write('same', note)))
    // Each has seen by then that there is none. (Not asked in here: a transaction keeps the first it is told of it.)
    await until('all to wait', async () => {
      const [row] = await db.query<{ n: number }>(
        `select count(*)::int as n from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`,
      )
      return row?.n === notes.length
    })
    return { writing }
  })
  const ends = await all.writing
  expect(ends.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  const refusals = ends.flatMap((end) => (end.status === 'rejected' ? [end.reason as unknown] : []))
  expect(refusals.map((refusal) => isRefused(refusal, 'AlreadyExists') && refusal.message)).toEqual(
    ['', ''].map(() => 'events.events.k8s.io "same" already exists'),
  )
  const written = ends.flatMap((end) => (end.status === 'fulfilled' ? [end.value] : []))
  expect(await cluster.get('Event', 'default', 'same')).toEqual(written[0])
  await write('after', '')
  await until('the next one', () => changes.length >= 2)
  expect(told(changes)).toEqual(['ADDED same', 'ADDED after'])
})

test('whoever watches is told of those that are too old, and a list that goes on has them still', async () => {
  for (const name of ['old-1', 'old-2', 'old-3']) await write(name, '', 2)
  await write('young', '', 0.5)
  const first = await cluster.list('Event', { limit: 1 })
  const changes = watched(first.resourceVersion)
  const before = (await cluster.list('Event')).items.map(({ metadata }) => metadata.name)

  expect(await prune(db, await databaseNow(db))).toEqual({ events: 3 })

  await until('the ends of three', () => changes.length >= 3)
  expect(told(changes).toSorted()).toEqual(['DELETED old-1', 'DELETED old-2', 'DELETED old-3'])
  const versions = changes.flatMap((each) => (each.type === 'BOOKMARK' ? [] : [Number(each.object.metadata.resourceVersion)]))
  expect(versions).toEqual([1, 2, 3].map((n) => Number(first.resourceVersion) + n))
  const now = await cluster.list('Event')
  expect(now.items.map(({ metadata }) => metadata.name)).toEqual(before.filter((name) => !name.startsWith('old')))
  expect(Number(now.resourceVersion)).toBe(versions.at(-1))
  const rest = await cluster.list('Event', { continue: first.continue ?? '' })
  expect([...first.items, ...rest.items].map(({ metadata }) => metadata.name)).toEqual(before)
  // At each moment in between those are there that go later.
  const between = await cluster.list('Event', { at: String(versions[0]) })
  expect(between.items).toHaveLength(before.length - 1)
  expect(await prune(db, await databaseNow(db))).toEqual({})
})
