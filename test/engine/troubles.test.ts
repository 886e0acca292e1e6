import { afterEach, expect, test } from 'vitest'
import { problemOf } from '../../controller/cluster/kubernetes-answers.ts'
import { Stalled, Transient, Waiting } from '../../controller/kernel/errors.ts'
import { defineKind, type Kind } from '../../controller/reconcile/kind.ts'
import { steppedClock } from '../support/clock.ts'
import { withDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'
import { openBench, saidBy, type Bench } from './bench.ts'

const { db } = await withDatabase()
const OWNER = { apiVersion: 'bothy.dev/v1alpha1', kind: 'Owner', metadata: { name: 'ada' }, spec: {} }
const READY = { type: 'Ready', status: 'True', reason: 'Handled', message: 'It is well.' } as const

let bench: Bench

afterEach(async () => {
  await bench.close()
  await db.query('truncate objects, events cascade')
})

interface Played {
  /** What the looks do, one after the other; the last one goes on. */
  readonly looks: readonly (() => {
    readonly acts?: boolean
    /** Instead of one. */
    readonly actions?: number
    readonly passes?: boolean
    readonly wakeInMs?: number
    readonly says?: string
  })[]
}

/** A kind whose looks are played by the test. */
function played({ looks }: Played): { readonly kind: Kind; readonly looked: () => number; readonly acted: () => number } {
  let looked = 0
  let acted = 0
  const kind = defineKind<{ readonly look: ReturnType<Played['looks'][number]>; readonly now: number }, { readonly do: 'poke' }>({
    kind: 'Owner',
    top: 'Ready',
    gatherMs: 0,
    async observe(_ports, _object, now) {
      const look = looks[Math.min(looked, looks.length - 1)]
      looked += 1
      if (!look) throw new Error('no look is played')
      return { look: look(), now }
    },
    decide: ({ look, now }) => ({
      actions: look.acts ? Array.from({ length: look.actions ?? 1 }, () => ({ do: 'poke' as const })) : [],
      conditions: [{ ...READY, message: look.says ?? READY.message }],
      status: {},
      ...(look.passes ? { passing: true } : {}),
      wakeAt: look.wakeInMs === undefined ? null : now + look.wakeInMs,
    }),
    async act() {
      acted += 1
      return undefined
    },
    why: () => ({ summary: '', wants: '', reason: 'Handled', holds: '', until: null, changes: '', rules: [] }),
    related: () => [],
    shown: () => null,
  })
  return { kind, looked: () => looked, acted: () => acted }
}

const well = () => ({})
const fails = (error: () => Error) => () => {
  throw error()
}

test('what the outside world spoils for now is tried again, and nobody hears of it', async () => {
  const clock = steppedClock()
  const { kind, looked } = played({ looks: [fails(() => new Transient('away')), fails(() => new Transient('away')), well] })
  bench = await openBench(db, { kinds: [kind], clock })
  await bench.apply(OWNER)
  await until('the first look', () => looked() === 1 && bench.engine.depth() === 0)
  expect(saidBy(await bench.get('Owner', 'ada'), 'Ready')).toBe('nothing')
  await clock.step(200)
  await until('the second look', () => looked() === 2 && bench.engine.depth() === 0)
  await clock.step(400)
  await bench.becomes('Owner', 'ada', 'Ready', 'True Handled')
})

test('an API server that says when to ask again is not asked before', async () => {
  const clock = steppedClock()
  const { kind, looked } = played({ looks: [fails(() => problemOf(429, '', { 'retry-after': '40' })), well] })
  bench = await openBench(db, { kinds: [kind], clock })
  await bench.apply(OWNER)
  await until('the first look', () => looked() === 1 && bench.engine.depth() === 0)
  await clock.step(39_999)
  expect([looked(), bench.engine.depth()]).toEqual([1, 0])
  await clock.step(500)
  await bench.becomes('Owner', 'ada', 'Ready', 'True Handled')
})

test('what waits says so, and is looked at again at its instant', async () => {
  const clock = steppedClock()
  const moonrise = clock.now() + 60_000
  const { kind } = played({
    looks: [
      () => {
        if (clock.now() < moonrise) throw new Waiting('Waiting', 'The moon must rise.', moonrise)
        return {}
      },
    ],
  })
  bench = await openBench(db, { kinds: [kind], clock })
  await bench.apply(OWNER)
  await bench.becomes('Owner', 'ada', 'Reconciling', 'True Waiting')
  await clock.step(60_000)
  await bench.becomes('Owner', 'ada', 'Ready', 'True Handled')
})

test('what only a new spec can cure is stalled', async () => {
  const { kind } = played({ looks: [fails(() => new Stalled('ParameterInvalid', 'No such parameter.'))] })
  bench = await openBench(db, { kinds: [kind] })
  await bench.apply(OWNER)
  await bench.becomes('Owner', 'ada', 'Stalled', 'True ParameterInvalid')
  expect(saidBy(await bench.get('Owner', 'ada'), 'Ready')).toBe('False ParameterInvalid')
})

test('a bug is told as one, tried again, and forgotten when it is gone', async () => {
  const clock = steppedClock()
  let broken = true
  const { kind } = played({
    looks: [
      () => {
        if (broken) throw new TypeError('undefined is not a workspace')
        return {}
      },
    ],
  })
  bench = await openBench(db, { kinds: [kind], clock })
  await bench.apply(OWNER)
  await bench.becomes('Owner', 'ada', 'Ready', 'False InternalError')
  broken = false
  await clock.step(60_000)
  const mended = await bench.becomes('Owner', 'ada', 'Ready', 'True Handled')
  expect(saidBy(mended, 'Reconciling')).toBe('nothing')
})

test('a wake is kept', async () => {
  const clock = steppedClock()
  const morning = clock.now() + 3_600_000
  let woken = false
  const { kind } = played({
    looks: [
      () => {
        woken = clock.now() >= morning
        return woken ? {} : { wakeInMs: morning - clock.now() }
      },
    ],
  })
  bench = await openBench(db, { kinds: [kind], clock })
  await bench.apply(OWNER)
  await bench.becomes('Owner', 'ada', 'Ready', 'True Handled')
  await until('nothing to be under way', () => bench.engine.depth() === 0)
  await clock.step(3_600_000)
  await until('it to wake', () => woken)
})

test('rules that never settle do not spin', async () => {
  const clock = steppedClock()
  const { kind, acted } = played({ looks: [() => ({ acts: true })] })
  bench = await openBench(db, { kinds: [kind], clock })
  await bench.apply(OWNER)
  await until('it to rest', () => acted() > 8 && bench.engine.depth() === 0)
  expect(acted()).toBe(9)
})

test('what only passes is told by the look that follows at once, and told where none does', async () => {
  let looks = 0
  const { kind } = played({ looks: [() => ({ acts: true, passes: true, says: `It was look ${(looks += 1)}.` })] })
  bench = await openBench(db, { kinds: [kind], clock: steppedClock() })
  const made = await bench.apply(OWNER)
  const told = await bench.becomes('Owner', 'ada', 'Ready', 'True Handled')
  // Eight follow at once and tell nothing; each one after them is told, and what is written leads to the next.
  const look = Number(/It was look (\d+)\./.exec(JSON.stringify(told.status))?.[1])
  expect(look - (Number(told.metadata.resourceVersion) - Number(made.metadata.resourceVersion))).toBe(8)
})

test('a replica that no longer leads does nothing and writes nothing', async () => {
  const { kind, looked, acted } = played({ looks: [() => ({ acts: true })] })
  bench = await openBench(db, { kinds: [kind], assertLeader: () => Promise.reject(new Transient('another replica leads')) })
  await bench.apply(OWNER)
  await until('some looks', () => looked() > 2)
  expect([acted(), saidBy(await bench.get('Owner', 'ada'), 'Ready')]).toEqual([0, 'nothing'])
})

test('a replica that no longer leads after its first action does no second one', async () => {
  const { kind, looked, acted } = played({ looks: [() => ({ acts: true, actions: 3 })] })
  const assertLeader = () => (acted() === 0 ? Promise.resolve() : Promise.reject(new Transient('another replica leads')))
  bench = await openBench(db, { kinds: [kind], assertLeader })
  await bench.apply(OWNER)
  await until('some looks', () => looked() > 2)
  expect(acted()).toBe(1)
})

test('a key told by another process is looked at, and one of no kind is not minded', async () => {
  const { kind, looked } = played({ looks: [well] })
  bench = await openBench(db, { kinds: [kind] })
  await bench.apply(OWNER)
  await bench.becomes('Owner', 'ada', 'Ready', 'True Handled')
  await until('nothing to be under way', () => bench.engine.depth() === 0)
  const looks = looked()
  await db.notify('bothy_keys', 'nonsense')
  await db.notify('bothy_keys', 'Owner//ada')
  await until('another look', () => looked() > looks)
})
