import { afterAll, expect, test } from 'vitest'
import { systemClock } from '../../controller/kernel/clock.ts'
import { silentLog } from '../../controller/kernel/log.ts'
import { updateObject } from '../../controller/store/object-updates.ts'
import { changesAfter, insertObject, newestVersion, readObject, type ObjectContent, type Place } from '../../controller/store/objects.ts'
import { openDb } from '../../controller/store/pool.ts'
import { withDatabase } from '../support/postgres.ts'

/** Writers that come at once share a statement: each still gets what is its own. */

const { db, url } = await withDatabase()
const other = openDb(url, { log: silentLog, clock: systemClock, max: 10 })
afterAll(() => other.close())

const placeOf = (name: string): Place => ({ kind: 'Namespace', namespace: '', name })
const contentOf = (name: string, note: string): ObjectContent => ({
  uid: `uid of ${name}`,
  body: JSON.stringify({ kind: 'Namespace', note }),
  owners: [],
  deleting: false,
  applied: {},
  sealed: null,
})

const before = (i: number) => (i % 2 === 0 ? { labels: { i: String(i) } } : null)

async function born(name: string): Promise<number> {
  const inserted = await insertObject(db, placeOf(name), contentOf(name, 'born'))
  if (typeof inserted === 'string') throw new Error(inserted)
  return inserted.version
}

test('of writers that come at once each writes its own, in the order in which they came', async () => {
  const names = Array.from({ length: 70 }, (_, i) => `own-${i}`)
  const versions = await Promise.all(names.map(born))
  const from = await newestVersion(db)
  const contents = names.map((name, i) => ({
    ...contentOf(name, `"quoted" {${i}}, \\ and \u00e4\u{1f600}`),
    owners: i % 3 === 0 ? ['a', 'b "c"'].slice(0, 1 + (i % 2)) : [],
    deleting: i % 5 === 0,
    applied: { ada: { labels: [`label-${i}`], annotations: [] } },
    sealed: i % 4 === 0 ? Buffer.from([0, i, 255]) : null,
  }))
  const written = await Promise.all(
    names.map((name, i) => updateObject(db, placeOf(name), versions[i] ?? 0, contents[i] as ObjectContent, before(i))),
  )
  expect(written).toEqual(names.map((_, i) => from + 1 + i))
  const { changes, version } = await changesAfter(db, from, 500, 'Namespace')
  expect(version).toBe(from + names.length)
  expect(changes.map((change) => [change.version, change.body, change.before])).toEqual(
    names.map((_, i) => [from + 1 + i, contents[i]?.body, before(i)]),
  )
  for (const [i, name] of names.entries()) {
    const { body, applied, sealed } = contents[i] as ObjectContent
    expect(await readObject(db, placeOf(name))).toEqual({ version: from + 1 + i, body, applied, sealed })
  }
  const rows = await db.query<{ owners: string[]; deleting: boolean }>(
    "select owners, deleting from objects where name like 'own-%' order by version",
  )
  expect(rows).toEqual(contents.map(({ owners, deleting }) => ({ owners, deleting })))
})

test('who writes from what it was no more writes nothing, and holds up nobody', async () => {
  const names = ['stale', 'gone', 'fresh', 'replaced']
  const [stale = 0, , fresh = 0, replaced = 0] = await Promise.all(names.map(born))
  const from = await newestVersion(db)
  const answers = await Promise.all([
    // The first goes alone; the rest are one batch.
    updateObject(db, placeOf('fresh'), fresh, contentOf('fresh', 'once'), null),
    updateObject(db, placeOf('stale'), stale - 1, contentOf('stale', 'lost'), null),
    updateObject(db, placeOf('fresh'), fresh, contentOf('fresh', 'lost'), null),
    updateObject(db, placeOf('nobody'), 1, contentOf('nobody', 'lost'), null),
    updateObject(db, placeOf('replaced'), replaced, { ...contentOf('replaced', 'lost'), uid: 'of the one before' }, null),
    updateObject(db, placeOf('fresh'), from + 1, contentOf('fresh', 'twice'), null),
    updateObject(db, placeOf('gone'), 0, { ...contentOf('gone', 'lost'), body: '{"not' }, null).catch(() => 'refused'),
    updateObject(db, placeOf('stale'), stale, contentOf('stale', 'kept'), null),
  ])
  expect(answers.map((answer) => typeof answer)).toEqual(['number', 'object', 'object', 'object', 'object', 'number', 'string', 'number'])
  const { changes } = await changesAfter(db, from, 500, 'Namespace')
  const notes = changes.map(({ body }) => (JSON.parse(body) as { note: string }).note)
  expect(notes.toSorted()).toEqual(['kept', 'once', 'twice'])
  expect(changes.map(({ version }) => version)).toEqual([from + 1, from + 2, from + 3])
})

test('two processes that write the same objects at once lose nothing and wait for each other', async () => {
  const names = Array.from({ length: 12 }, (_, i) => `both-${i}`)
  await Promise.all(names.map(born))
  const from = await newestVersion(db)
  const add = async (by: typeof db, name: string): Promise<number> => {
    for (;;) {
      const old = await readObject(by, placeOf(name))
      if (!old) throw new Error('it is gone')
      const { count = 0 } = JSON.parse(old.body) as { count?: number }
      const next = { ...contentOf(name, ''), body: JSON.stringify({ kind: 'Namespace', count: count + 1 }) }
      const version = await updateObject(by, placeOf(name), old.version, next, null)
      if (version !== null) return version
    }
  }
  // In opposite orders, so that they would lock each other out if they locked in the order of asking.
  const rounds = [...names, ...names, ...names]
  const written = await Promise.all([...rounds.map((name) => add(db, name)), ...rounds.toReversed().map((name) => add(other, name))])
  expect(written.toSorted((a, b) => a - b)).toEqual(written.map((_, i) => from + 1 + i))
  for (const name of names) expect(JSON.parse((await readObject(db, placeOf(name)))?.body ?? '')).toMatchObject({ count: 6 })
  expect((await changesAfter(db, from, 500, 'Namespace')).changes).toHaveLength(written.length)
})
