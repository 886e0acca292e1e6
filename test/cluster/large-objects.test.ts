import { describe, expect, onTestFinished, test } from 'vitest'
import { createCache } from '../../controller/cluster/cache.ts'
import { connectKubernetes } from '../../controller/cluster/kubernetes-connection.ts'
import { openKubernetes } from '../../controller/cluster/kubernetes.ts'
import type { Change, Cluster, Draft, Writer } from '../../controller/cluster/port.ts'
import { systemClock } from '../../controller/kernel/clock.ts'
import { jsonLog, silentLog } from '../../controller/kernel/log.ts'
import { noOwnCluster, ownCluster } from '../support/cluster.ts'
import { faultProxy } from '../support/fault-proxy.ts'
import { until } from '../support/until.ts'

/** Anybody of a namespace may declare objects that are large: nobody who follows them may be stopped by that. */

const ada: Writer = { manager: 'test', user: 'ada' }
const TEXT = 100_000
const COUNT = 30

const template = (namespace: string, name: string, length: number): Draft => ({
  apiVersion: 'bothy.dev/v1alpha1',
  kind: 'Template',
  metadata: { name, namespace },
  spec: { source: { type: 'Inline', inline: { files: { 'main.tf': `# ${'x'.repeat(length)}\n` } } } },
})

async function opened(at: string, pageBytesMax?: number): Promise<Cluster> {
  const connection = await connectKubernetes({ kubeconfig: at, environment: {}, clock: systemClock, userAgent: 'bothy-test' })
  const bound = pageBytesMax === undefined ? {} : { pageBytesMax }
  const { cluster, close } = await openKubernetes({ connection, clock: systemClock, log: silentLog, ...bound })
  onTestFinished(async () => {
    await close()
    connection.close()
  })
  return cluster
}

describe.skipIf(noOwnCluster !== null)('templates that are large', async () => {
  if (noOwnCluster !== null) return void test.skip(noOwnCluster)
  const { kubeconfig, namespace } = await ownCluster()

  async function cached(pageBytesMax: number) {
    const proxy = await faultProxy(kubeconfig)
    onTestFinished(() => proxy.close())
    const cluster = await opened(proxy.kubeconfig, pageBytesMax)
    const lines: string[] = []
    const log = jsonLog(systemClock, 'info', (line) => lines.push(line))
    const cache = createCache({ cluster, clock: systemClock, log }, ['Template'])
    const over = new AbortController()
    onTestFinished(() => over.abort())
    const limits = () => proxy.asked.filter(({ sort }) => sort === 'list').map(({ path }) => Number(/limit=(\d+)/.exec(path)?.[1]))
    return { cluster, cache, lines, limits, start: () => cache.start(over.signal) }
  }

  test('are read in pages of half as many, as often as it takes, each of them once', async () => {
    const direct = await opened(kubeconfig)
    const home = await namespace('large')
    for (let i = 0; i < COUNT; i += 1) await direct.create(template(home, `t${String(i).padStart(2, '0')}`, TEXT), ada)
    const { cluster, cache, limits, start } = await cached(8 * TEXT)
    const told: string[] = []
    cache.onChange((key, _object, type) => told.push(`${type} ${key}`))
    await start()
    expect(cache.list('Template', home).map(({ metadata }) => metadata.name)).toEqual(
      Array.from({ length: COUNT }, (_, i) => `t${String(i).padStart(2, '0')}`),
    )
    expect(new Set(told).size).toBe(told.length)
    // 25 and 12 of them are too many: from then on it is 6.
    expect(limits()).toEqual([25, 12, ...Array.from({ length: COUNT / 6 }, () => 6)])
    // So is what a watch shows first.
    const shown: Change[] = []
    for await (const change of cluster.watch('Template', { namespace: home }, AbortSignal.timeout(60_000))) {
      shown.push(change)
      if (shown.length === COUNT) break
    }
    expect(limits().slice(2 + COUNT / 6)).toEqual([25, 12, ...Array.from({ length: COUNT / 6 }, () => 6)])
  })

  test('one by one at last; one that cannot be read alone is told of, and when it is gone everything is read', async () => {
    const direct = await opened(kubeconfig)
    const home = await namespace('larger')
    await direct.create(template(home, 'good', 10), ada)
    await direct.create(template(home, 'huge', 2.5 * TEXT), ada)
    const { cache, lines, limits, start } = await cached(2 * TEXT)
    const started = start()
    const warned = await until('it to be told', () => lines.find((line) => line.includes('"warn"')))
    const why = `a single Template is too large to be read, the next after ${home}/good by namespace and name: the answer is larger than 200000 bytes`
    expect(JSON.parse(warned)).toMatchObject({
      level: 'warn',
      message: 'what is declared cannot be read',
      kind: 'Template',
      failures: 3,
      error: why,
    })
    expect(cache.unread()).toBe(`Template could not be read yet: ${why}`)
    // Three times, and no more: it is no news.
    const asked = limits().length
    await until('another try', () => limits().length > asked + 3)
    expect(lines.length).toBe(1)
    await direct.delete('Template', home, 'huge', ada)
    await started
    expect([cache.unread(), cache.get('Template', home, 'huge'), cache.get('Template', home, 'good') !== undefined]).toEqual([
      null,
      undefined,
      true,
    ])
    expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({ level: 'info', message: 'what is declared is read again', kind: 'Template' })
  })
})
