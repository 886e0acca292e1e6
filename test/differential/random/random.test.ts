import { randomInt } from 'node:crypto'
import { afterAll, describe, expect, test } from 'vitest'
import type { Kind } from '../../../crds/kinds.ts'
import { noOwnCluster, ownCluster } from '../../support/cluster.ts'
import { withDatabase } from '../../support/postgres.ts'
import { isSoak } from '../../support/soak.ts'
import { standaloneServer } from '../harness/server.ts'
import { documentOf, type RandomDocument } from './documents.ts'
import { verdictOfEngine } from './engine.ts'
import { installLoose, installOurs, OURS } from './loose.ts'
import { pathOf, realServer, verdictOf, type RealServer } from './real.ts'
import { scoreOf, type Asked } from './score.ts'
import { standaloneVerdict } from './standalone.ts'

/**
 * Documents nobody wrote, asked of the real API server, of our engine, and of standalone over HTTP. One seed is always the
 * same, the other is new: what fails names it, and `RANDOM_SEED=…` asks it again. `npm run soak` asks thousands of each kind.
 */

const FIXED = 20_261_121
const FRESH = Number(process.env['RANDOM_SEED'] ?? randomInt(1, 2 ** 31))
const SIZE = isSoak ? 5000 : 90
const STORED = 40
const LIMIT = { timeout: isSoak ? 3_600_000 : 240_000 }
const AT_ONCE = 4

type Old = Readonly<Record<string, unknown>> & { readonly metadata: Readonly<Record<string, unknown>> }

const seedsOf = (kind: Kind, first: number, count: number): readonly number[] => {
  const start = (first ^ Math.imul(OURS.indexOf(kind) + 1, 0x9e3779b1)) >>> 0
  return Array.from({ length: count }, (_, index) => (start + index) >>> 0)
}

/** A share says something of many: all kinds together. */
async function ofEach(
  first: number,
  count: number,
  work: (kind: Kind, seed: number, index: number) => Promise<Asked>,
): Promise<readonly Asked[]> {
  const left = OURS.flatMap((kind) => seedsOf(kind, first, count).map((seed, index) => ({ kind, seed, index }))).values()
  const all: Asked[] = []
  const worker = async () => {
    for (const { kind, seed, index } of left) all.push(await work(kind, seed, index))
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
  return all
}

describe.skipIf(noOwnCluster !== null)('random documents', async () => {
  const world = noOwnCluster === null ? await open() : null
  const { real, namespace, stored } = world ?? ({} as never)

  const asked = async (kind: Kind, document: RandomDocument, old: Old | null, status: boolean): Promise<Asked> => {
    const path = pathOf(kind, namespace, old ? String(old.metadata['name']) : undefined) + (status ? '/status' : '')
    const query = { dryRun: 'All', fieldValidation: document.validation }
    const theirs = verdictOf(await real.ask(old ? 'PUT' : 'POST', path, query, document.text))
    const subresource = status ? ({ subresource: 'status' } as const) : {}
    const ours = verdictOfEngine(kind, document.text, old, { fieldValidation: document.validation, ...subresource })
    return { what: `${kind.kind} ${document.seed}`, text: document.text, old, real: theirs, ours }
  }

  describe.each([
    ['the seed that stays', FIXED],
    [`a fresh seed, ${FRESH}`, FRESH],
  ])('of %s', (_, seed) => {
    test('a new one of each kind', LIMIT, async () => {
      const all = await ofEach(seed, SIZE, (kind, one) => asked(kind, documentOf(kind, one), null, false))
      expect(scoreOf(all, { verdicts: 0.998, causes: 0.98 })).toEqual([])
    })

    test('a change of one of each kind, or of its status, that an older schema let be stored', LIMIT, async () => {
      const all = await ofEach(seed, SIZE, (kind, one, index) => {
        const old = stored(kind)[index % STORED]!
        const status = index % 3 === 0
        return asked(kind, documentOf(kind, one, { old, status }), old, status)
      })
      expect(scoreOf(all, { verdicts: 0.99, causes: 0.98 })).toEqual([])
    })
  })

  test('a new one of each kind, over HTTP', LIMIT, async () => {
    const { standalone } = world!
    const all = await ofEach(FRESH + 1, Math.ceil(SIZE / 3), async (kind, one) => {
      const document = documentOf(kind, one)
      const both = await asked(kind, document, null, false)
      return { ...both, ours: await standaloneVerdict(standalone, pathOf(kind, 'default'), document) }
    })
    expect(scoreOf(all, { verdicts: 0.998, causes: 0.98 })).toEqual([])
  })
})

async function open() {
  const [cluster, { db }] = await Promise.all([ownCluster({ crds: false }), withDatabase()])
  const [real, standalone] = await Promise.all([realServer(cluster.kubeconfig), standaloneServer(db)])
  afterAll(async () => {
    real.close()
    await standalone.close()
  })
  const namespace = await cluster.namespace('random')
  const all = new Map<Kind, readonly Old[]>()
  for (const kind of OURS) {
    await installLoose(real, kind, namespace)
    const names = await storeSome(real, kind, namespace)
    await installOurs(real, kind, namespace)
    all.set(kind, await Promise.all(names.map(async (name) => (await real.ask('GET', pathOf(kind, namespace, name), {})).body as Old)))
  }
  return { real, standalone, namespace, stored: (kind: Kind) => all.get(kind) ?? [] }
}

/** Whatever the loose schema takes: objects that ours would refuse as well. */
async function storeSome(real: RealServer, kind: Kind, namespace: string): Promise<readonly string[]> {
  const names: string[] = []
  for (let seed = FRESH; names.length < STORED; seed += 1) {
    const name = `stored-${seed}`
    const { text } = documentOf(kind, seed)
    const object = { ...(JSON.parse(text) as object), kind: kind.kind, metadata: { name } }
    const { code } = await real.ask('POST', pathOf(kind, namespace), {}, JSON.stringify(object))
    if (code === 201) names.push(name)
  }
  return names
}
