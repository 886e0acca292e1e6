import { randomBytes } from 'node:crypto'
import { describe, expect, onTestFinished, test } from 'vitest'
import { createCache } from '../../controller/cluster/cache.ts'
import type { Change, Cluster, Resource, Writer } from '../../controller/cluster/port.ts'
import { openStandalone, type Standalone } from '../../controller/cluster/standalone.ts'
import { systemClock } from '../../controller/kernel/clock.ts'
import { isRefused, Transient } from '../../controller/kernel/errors.ts'
import { silentLog } from '../../controller/kernel/log.ts'
import { OBJECTS_CHANNEL } from '../../controller/store/objects.ts'
import { openDb, type Db } from '../../controller/store/pool.ts'
import { openKey } from '../../controller/store/sealed.ts'
import { withDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'
import { describeCluster, workspaceOf } from './port.behaviour.ts'

describeCluster('without a cluster', async () => {
  const { db } = await withDatabase()
  const sealer = await openKey({ file: '', env: randomBytes(32).toString('base64'), db })
  return { ...(await openStandalone({ db, clock: systemClock, log: silentLog, sealer })), namespace: 'default' }
})

const ada: Writer = { manager: 'test', user: 'ada' }
const open = (db: Db): Promise<Standalone> => openStandalone({ db, clock: systemClock, log: silentLog })

/** Follows a kind as a careful client does: from the last version seen, again and again. */
function follower(cluster: Cluster, from: string) {
  const ended = new AbortController()
  const versions: number[] = []
  const done = (async () => {
    let last = from
    while (!ended.signal.aborted) {
      try {
        for await (const change of cluster.watch('Workspace', { from: last }, ended.signal)) {
          if (change.type === 'BOOKMARK') continue
          last = change.object.metadata.resourceVersion
          versions.push(Number(last))
        }
      } catch (error) {
        if (!(error instanceof Transient)) throw error
        await systemClock.sleep(20)
      }
    }
  })()
  return {
    versions,
    async end() {
      ended.abort()
      await done
    },
  }
}

/** Tries again what another try may cure, as everybody who writes does. */
async function stubbornly<T>(work: () => Promise<T>): Promise<T | null> {
  for (let tries = 0; ; tries += 1) {
    try {
      return await work()
    } catch (error) {
      // What was cut off may have been done all the same.
      if (isRefused(error, 'AlreadyExists', 'NotFound')) return null
      if (!(error instanceof Transient) || tries > 50) throw error
      await systemClock.sleep(20)
    }
  }
}

async function write(cluster: Cluster, writer: number): Promise<void> {
  for (let round = 0; round < 12; round += 1) {
    const name = `w${writer}-${round}`
    await stubbornly(() => cluster.create(workspaceOf({ namespace: 'default', name }), ada))
    await stubbornly(() => cluster.patch('Workspace', 'default', name, { spec: { power: 'Stopped' } }, ada))
    // Everybody also writes the same object.
    await stubbornly(() =>
      cluster.patch('Workspace', 'default', 'shared', { metadata: { annotations: { [`writer-${writer}`]: String(round) } } }, ada),
    )
    if (round % 3 === 0) await stubbornly(() => cluster.delete('Workspace', 'default', name, ada))
  }
}

describe('eight writers at once', async () => {
  const { db, url } = await withDatabase()

  test('watchers see every version, in order, once, also when connections are cut', async () => {
    const other = openDb(url, { log: silentLog, clock: systemClock, max: 8 })
    const [here, there] = [await open(db), await open(other)]
    const shared = await here.cluster.create(workspaceOf({ namespace: 'default', name: 'shared' }), ada)
    const from = shared.metadata.resourceVersion
    const followers = [follower(here.cluster, from), follower(there.cluster, from)]
    const ended = new AbortController()
    const cache = createCache({ cluster: there.cluster, clock: systemClock, log: silentLog }, ['Workspace'])
    await cache.start(ended.signal)

    const writing = Promise.all(Array.from({ length: 8 }, (_, i) => write(i % 2 === 0 ? here.cluster : there.cluster, i)))
    await until('the writing to be well under way', () => (followers[0]?.versions.length ?? 0) > 40)
    followers.push(follower(here.cluster, from))
    const [{ cut } = { cut: '0' }] = await db.query<{ cut: string }>(
      'select count(pg_terminate_backend(pid)) as cut from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()',
    )
    expect(Number(cut)).toBeGreaterThan(2)
    await writing

    const rows = await db.query<{ version: string }>(
      "select version from object_changes where kind = 'Workspace' and version > $1 order by version",
      [from],
    )
    const all = rows.map((row) => Number(row.version))
    expect(all.length).toBeGreaterThan(8 * 12 * 3)
    for (const each of followers) {
      await until(`the last version, at ${each.versions.length} of ${all.length}`, () => each.versions.at(-1) === all.at(-1))
      await each.end()
      expect(each.versions).toEqual(all)
    }
    const annotations = (await here.cluster.get('Workspace', 'default', 'shared'))?.metadata.annotations
    expect(annotations).toEqual(Object.fromEntries(Array.from({ length: 8 }, (_, i) => [`writer-${i}`, '11'])))
    const listed = await here.cluster.list('Workspace')
    await until('the cache to show the same', () => cache.list('Workspace').length === listed.items.length)
    expect(
      cache
        .list('Workspace')
        .map(({ metadata }) => metadata.resourceVersion)
        .sort(),
    ).toEqual(listed.items.map(({ metadata }) => metadata.resourceVersion).sort())
    ended.abort()
    await Promise.all([here.close(), there.close()])
    await other.close()
  })
})

describe('changes that are gone', async () => {
  const { db } = await withDatabase()

  const hush = new AbortController()

  /** A watch that hears nothing until it is told to end. */
  const silence = (signal: AbortSignal): AsyncIterable<Change> => ({
    [Symbol.asyncIterator]: () => ({
      async next() {
        await systemClock.sleep(60_000, AbortSignal.any([signal, hush.signal]))
        return { done: true, value: undefined }
      },
    }),
  })

  test('a watch from before them is told, and a cache lists anew and tells what went meanwhile', async () => {
    const standalone = await open(db)
    await standalone.cluster.create(workspaceOf({ namespace: 'default', name: 'stays' }), ada)
    await standalone.cluster.create(workspaceOf({ namespace: 'default', name: 'changes' }), ada)
    await standalone.cluster.create(workspaceOf({ namespace: 'default', name: 'goes' }), ada)
    const first = await standalone.cluster.create(workspaceOf({ namespace: 'default', name: 'another' }), ada)
    let deaf = true
    const told: string[] = []
    const cluster: Pick<Cluster, 'list' | 'watch'> = {
      list: standalone.cluster.list,
      watch: (kind, options, signal) => (deaf ? silence(signal) : standalone.cluster.watch(kind, options, signal)),
    }
    const ended = new AbortController()
    const cache = createCache({ cluster, clock: systemClock, log: silentLog }, ['Workspace'])
    cache.onChange((key, _object, type) => told.push(`${type} ${key}`))
    await cache.start(ended.signal)
    told.length = 0
    await standalone.cluster.delete('Workspace', 'default', 'goes', ada)
    await standalone.cluster.patch('Workspace', 'default', 'changes', { spec: { power: 'Stopped' } }, ada)
    await standalone.cluster.delete('Workspace', 'default', 'another', ada)
    const another = await standalone.cluster.create(workspaceOf({ namespace: 'default', name: 'another' }), ada)
    await db.query('delete from object_changes')
    await standalone.close()

    const again = await open(db)
    cluster.watch = again.cluster.watch
    cluster.list = again.cluster.list
    deaf = false
    hush.abort()
    await until('the deletion to be told', () => told.includes('DELETED Workspace/default/goes'))
    expect(told).toEqual([
      'DELETED Workspace/default/another',
      'ADDED Workspace/default/another',
      'MODIFIED Workspace/default/changes',
      'DELETED Workspace/default/goes',
    ])
    expect(another.metadata.uid).not.toBe(first.metadata.uid)
    expect(cache.get('Workspace', 'default', 'another')).toEqual(another)
    expect(cache.get('Workspace', 'default', 'goes')).toBeUndefined()
    ended.abort()
    await again.close()
  })

  test('a page token from before them is refused as expired', async () => {
    const standalone = await open(db)
    for (const name of ['page-a', 'page-b', 'page-c']) await standalone.cluster.create(workspaceOf({ namespace: 'default', name }), ada)
    const page = await standalone.cluster.list('Workspace', { limit: 1 })
    await standalone.cluster.create(workspaceOf({ namespace: 'default', name: 'page-d' }), ada)
    await db.query('delete from object_changes')
    await expect(standalone.cluster.list('Workspace', { limit: 1, continue: page.continue ?? '' })).rejects.toMatchObject({
      reason: 'Expired',
      code: 410,
    })
    await standalone.close()
  })
})

describe('an older state of the database', async () => {
  const { db } = await withDatabase()
  /** The version last: it keeps which of the changes that go was the newest. */
  const TABLES = ['objects', 'object_changes', 'object_version']

  /** As a restore in place does, all at once. */
  const back = (tables: readonly string[]) =>
    db.transaction(async (tx) => {
      for (const table of tables) {
        await tx.query(`delete from ${table}`)
        await tx.query(`insert into ${table} select * from was_${table}`)
      }
    })

  test('that is brought back under who follows is listed anew, and what is lost is told', async () => {
    const { cluster, close } = await open(db)
    onTestFinished(close)
    const made = (name: string) => cluster.create(workspaceOf({ namespace: 'default', name }), ada)
    const power = (to: string) => cluster.patch('Workspace', 'default', 'stays', { spec: { power: to } }, ada)
    await made('stays')
    await made('was-removed')
    for (const table of TABLES) await db.query(`create table was_${table} as select * from ${table}`)
    const ended = new AbortController()
    onTestFinished(() => ended.abort())
    const cache = createCache({ cluster, clock: systemClock, log: silentLog }, ['Workspace'])
    const shown = (name: string) => cache.get('Workspace', 'default', name)
    await cache.start(ended.signal)
    await cluster.delete('Workspace', 'default', 'was-removed', ada)
    await made('is-lost')
    await power('Stopped')
    const { metadata: last } = await power('Running')
    await until('all of it to be seen', () => shown('stays')?.metadata.resourceVersion === last.resourceVersion)
    const told: string[] = []
    cache.onChange((key, _object, type) => told.push(`${type} ${key.split('/').at(-1)}`))
    await back(TABLES)
    await until('what was there to be shown', () => shown('was-removed'))
    expect(told.toSorted()).toEqual(['ADDED stays', 'ADDED was-removed', 'DELETED is-lost', 'DELETED stays'])
    expect(shown('stays')).toEqual(await cluster.get('Workspace', 'default', 'stays'))
    await power('Stopped')
    await until('what comes after it to be followed', () => JSON.stringify(shown('stays')?.spec).includes('"Stopped"'))
  })

  test('is told to who was slow meanwhile, also when as much was written since', async () => {
    const { cluster, close } = await open(db)
    onTestFinished(close)
    const ended = new AbortController()
    onTestFinished(() => ended.abort())
    const written = async (name: string, times: number) => {
      for (let i = 0; i < times; i += 1)
        await cluster.patch('Workspace', 'default', name, { metadata: { annotations: { i: `${name} ${i} of ${times}` } } }, ada)
    }
    await cluster.create(workspaceOf({ namespace: 'default', name: 'slow' }), ada)
    for (const table of TABLES) await db.query(`drop table if exists was_${table}; create table was_${table} as select * from ${table}`)
    const { resourceVersion: from } = await cluster.list('Workspace')
    const watching = () => cluster.watch('Workspace', { namespace: 'default', from }, ended.signal)[Symbol.asyncIterator]()
    const [slow, prompt] = [watching(), watching()]
    await written('slow', 3)
    for (const each of [slow, prompt]) for (let i = 0; i < 3; i += 1) expect((await each.next()).done).toBe(false)
    // The one asks for what is next, the other does not yet.
    const told = expect(prompt.next()).rejects.toMatchObject({ reason: 'Expired' })
    await back(TABLES)
    await db.query('select pg_notify($1, $2)', [OBJECTS_CHANNEL, ''])
    await told
    await written('slow', 5)
    // Whoever begins now is told of what is there; by then numbers of before are of others.
    const fresh = watching()
    for (let i = 0; i < 5; i += 1) expect((await fresh.next()).value).toMatchObject({ type: 'MODIFIED' })
    await expect(slow.next()).rejects.toMatchObject({ reason: 'Expired', code: 410 })
  })
})

describe('nothing to do', async () => {
  const { db } = await withDatabase()

  test('declaring and reporting the same again writes nothing at all', async () => {
    const standalone = await open(db)
    const draft = workspaceOf({ namespace: 'default', name: 'calm', labels: { a: 'b' } })
    const status = { status: { state: 'Running', observedGeneration: 1 } }
    const again = async () => {
      await standalone.cluster.apply(draft, ada)
      await standalone.cluster.patchStatus('Workspace', 'default', 'calm', status, ada)
    }
    await again()
    const written = () => db.query<{ version: string }>('select version from object_version')
    const before = await written()
    for (let i = 0; i < 3; i += 1) await again()
    await standalone.close()
    const reopened = await open(db)
    await reopened.close()
    expect(await written()).toEqual(before)
  })
})

test('objects that own each other do not wait for each other', async () => {
  const { db } = await withDatabase()
  const { cluster, close } = await open(db)
  onTestFinished(close)
  const made = (name: string) => cluster.create(workspaceOf({ name, namespace: 'default' }), ada)
  const own = (name: string, { metadata: { name: owner, uid } }: Resource) => {
    const ownerReferences = [{ apiVersion: 'bothy.dev/v1alpha1', kind: 'Workspace', name: owner, uid, blockOwnerDeletion: true }]
    return cluster.patch('Workspace', 'default', name, { metadata: { ownerReferences } }, ada)
  }
  const [a, b] = [await made('a'), await made('b')]
  await own('a', b)
  await own('b', a)
  await cluster.delete('Workspace', 'default', 'a', ada, { propagation: 'Foreground' })
  await until('both to go', async () => (await cluster.list('Workspace')).items.length === 0)
})
