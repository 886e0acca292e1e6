import { describe, expect, test } from 'vitest'
import { systemClock } from '../../controller/kernel/clock.ts'
import { isRefused, Transient } from '../../controller/kernel/errors.ts'
import { noCluster, noOwnCluster, ownCluster, theCluster } from '../support/cluster.ts'
import { isSoak } from '../support/soak.ts'
import { until } from '../support/until.ts'
import { followed, KINDS, WATCH_SECONDS, type World } from './faults.world.ts'

const LIMIT_MS = 120_000
const PLURALS = ['workspaces', 'templates', 'owners']

async function world(): Promise<World> {
  const { kubeconfig, namespace } = await theCluster()
  return followed(kubeconfig, await namespace('faults'))
}

const listsOfEach = (at: World): number[] => PLURALS.map((plural) => at.count('list', plural))

/** Each kind has begun another watch, which lasts for a while: nobody is between two of them. */
async function watchedAnew(at: World): Promise<void> {
  const begun = () => PLURALS.map((plural) => at.count('watch', plural))
  const before = begun()
  await until('each kind to be watched anew', () => begun().every((watches, i) => watches > (before[i] ?? 0)))
}

describe.skipIf(noCluster !== null)('a bad connection to the API server', { timeout: LIMIT_MS }, () => {
  test('that is reset again and again loses nothing, and needs no list', async () => {
    const at = await world()
    for (let i = 0; i < 5; i += 1) {
      await at.create(`w${i}`)
      at.proxy.reset()
      await at.power(`w${i}`, 'Stopped')
      at.proxy.cut()
      if (i > 1) await at.remove(`w${i - 2}`)
      await at.settled()
    }
    expect(listsOfEach(at)).toEqual([1, 1, 1])
  })

  test('that passes nothing more and stays open is noticed, and what was missed is told', async () => {
    const at = await world()
    await at.create('before')
    await at.settled()
    at.proxy.freeze()
    await at.create('after')
    await at.remove('before')
    await at.settled()
    expect(listsOfEach(at)).toEqual([1, 1, 1])
  })

  test('whose versions are gone is listed anew, once for each kind, and what ended meanwhile is told', async () => {
    const at = await world()
    await at.create('stays')
    await at.create('goes')
    await at.settled()
    await watchedAnew(at)
    at.proxy.expire()
    await at.remove('goes')
    await at.create('comes')
    await at.settled()
    await until('each kind to be listed', () => listsOfEach(at).every((lists) => lists === 2))
    await watchedAnew(at)
    // One at a time: whoever has listed could be back before the others, and be told once more.
    for (let told = 1; told <= KINDS.length; told += 1) {
      at.proxy.answer(1, ['watch'], 410)
      at.proxy.reset()
      if (told === 1) await at.remove('stays')
      await at.settled()
      await until('whoever was told to list again', () => sum(listsOfEach(at)) === 2 * KINDS.length + told)
      await watchedAnew(at)
    }
    expect(sum(listsOfEach(at))).toBe(3 * KINDS.length)
    expect(at.told.filter((line) => line.startsWith('DELETED')).map((line) => line.split(' ')[1])).toEqual(['goes', 'stays'])
  })

  test('on which the server asks for patience is asked as late as it says', async () => {
    const at = await world()
    await at.create('one')
    await at.settled()
    at.proxy.answer(6, ['watch'], 429, 1)
    at.proxy.reset()
    const from = at.count('watch')
    const startedAt = systemClock.elapsedMs()
    await at.create('two')
    await at.settled()
    // Three watches were refused twice each, and each waited a second at least.
    const tookMs = systemClock.elapsedMs() - startedAt
    expect(tookMs).toBeGreaterThan(2000)
    // Those, and whatever the server ended in its time.
    expect(at.count('watch') - from).toBeLessThanOrEqual(KINDS.length * (3 + Math.ceil(tookMs / 1000 / WATCH_SECONDS)))
    at.proxy.answer(1, ['write', 'get'], 429, 1)
    expect((await at.cluster.get('Workspace', at.namespace, 'one'))?.metadata.name).toBe('one')
    expect(listsOfEach(at)).toEqual([1, 1, 1])
  })

  test('to a server that is ill is tried less and less, and writes say that another try may do', async () => {
    const at = await world()
    await at.create('one')
    await at.settled()
    at.proxy.answer(1_000, ['watch', 'list', 'get', 'write'], 503)
    at.proxy.reset()
    const from = at.proxy.asked.length
    const startedAt = systemClock.elapsedMs()
    await expect(at.cluster.get('Workspace', at.namespace, 'one')).rejects.toBeInstanceOf(Transient)
    await until('some seconds to have gone by', () => systemClock.elapsedMs() - startedAt > 4000)
    // 200 ms, 400, 800, 1600 …, at most half as soon: eight tries for each kind.
    expect(at.proxy.asked.length - from).toBeLessThan(8 * KINDS.length + 2)
    expect(listsOfEach(at)).toEqual([1, 1, 1])
  })

  test('that trickles is borne', async () => {
    const at = await world()
    at.proxy.slow(600)
    at.proxy.reset()
    await at.create('slow')
    await at.power('slow', 'Stopped')
    await at.settled()
    at.proxy.slow(null)
    await at.remove('slow')
    await at.settled()
    expect(listsOfEach(at)).toEqual([1, 1, 1])
  })

  test('that cuts changes in two, or tells them twice, is seen through', async () => {
    const at = await world()
    at.proxy.repeat(true)
    at.proxy.reset()
    for (const name of ['a', 'b', 'c']) await at.create(name)
    await at.settled()
    at.proxy.truncate()
    await at.power('a', 'Stopped')
    await at.remove('b')
    await at.settled()
    expect(at.told.map((line) => line.split(' ').slice(0, 2).join(' '))).toEqual([
      'ADDED a',
      'ADDED b',
      'ADDED c',
      'MODIFIED a',
      'DELETED b',
    ])
    expect(listsOfEach(at)).toEqual([1, 1, 1])
  })

  test.skipIf(noOwnCluster !== null)(
    'to a server that is killed and comes back on its data loses nothing, with at most one list of each kind',
    async () => {
      const own = await ownCluster()
      const at = await followed(own.kubeconfig, await own.namespace('faults'))
      await at.create('stays')
      await at.create('goes')
      await at.settled()
      const from = at.proxy.asked.length
      await own.kill()
      await expect(at.cluster.get('Workspace', at.namespace, 'stays')).rejects.toBeInstanceOf(Transient)
      await own.start()
      await at.remove('goes')
      await at.create('comes')
      await at.settled()
      expect(Math.max(...listsOfEach(at))).toBeLessThanOrEqual(2)
      expect(at.proxy.asked.length - from).toBeLessThan(100)
    },
  )

  const seed = Number(process.env['FAULTS_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
  const forMs = isSoak ? 5 * 60_000 : 20_000
  test(`that is bad in every way at random loses nothing (FAULTS_SEED=${seed})`, { timeout: forMs + 2 * LIMIT_MS }, async () => {
    const at = await world()
    const random = seeded(seed)
    const among = <T>(all: readonly T[]): T => all[Math.floor(random() * all.length)]!
    const startedAt = systemClock.elapsedMs()
    let expiries = 0
    const faults: readonly (() => void)[] = [
      at.proxy.cut,
      at.proxy.reset,
      at.proxy.freeze,
      at.proxy.truncate,
      () => at.proxy.answer(3, ['watch'], 429, 1),
      () => at.proxy.answer(3, ['watch', 'list'], among([500, 503])),
      () => at.proxy.repeat(random() < 0.5),
      () => at.proxy.slow(random() < 0.5 ? 20_000 : null),
      () => {
        expiries += 1
        at.proxy.expire()
      },
      () => {
        expiries += 1
        at.proxy.answer(1, ['watch'], 410)
        at.proxy.reset()
      },
    ]
    while (systemClock.elapsedMs() - startedAt < forMs) {
      for (let changes = 0; changes < 10; changes += 1) await change(at, `w${Math.floor(random() * 8)}`, random())
      among(faults)()
      // Some faults come while others are being recovered from, and some after.
      await systemClock.sleep(random() * 1000)
    }
    at.proxy.heal()
    // A list over a connection that froze is given up after a minute, and asked for again some seconds later.
    await at.settled(LIMIT_MS)
    // Each list has its reason, and one that was refused is asked for again.
    const refused = at.proxy.asked.filter(({ sort, status }) => sort === 'list' && status >= 400).length
    expect(at.count('list')).toBeLessThanOrEqual(KINDS.length * (1 + expiries) + refused + KINDS.length)
    expect(at.proxy.asked.length).toBeLessThan(((systemClock.elapsedMs() - startedAt) / 1000) * 60)
  })
})

const sum = (numbers: readonly number[]): number => numbers.reduce((all, each) => all + each, 0)

/** Whatever can be done to an object of this name now. */
async function change(at: World, name: string, dice: number): Promise<void> {
  try {
    if (dice < 0.4) await at.create(name)
    else if (dice < 0.7) await at.power(name, dice < 0.55 ? 'Stopped' : 'Running')
    else await at.remove(name)
  } catch (error) {
    if (!isRefused(error, 'AlreadyExists', 'NotFound')) throw error
  }
}

/** Mulberry32. */
function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let bits = Math.imul(state ^ (state >>> 15), 1 | state)
    bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32
  }
}
