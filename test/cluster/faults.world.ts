import { expect, onTestFinished } from 'vitest'
import { createCache } from '../../controller/cluster/cache.ts'
import { connectKubernetes } from '../../controller/cluster/kubernetes-connection.ts'
import { openKubernetes } from '../../controller/cluster/kubernetes.ts'
import type { Cache, Cluster, Writer } from '../../controller/cluster/port.ts'
import { systemClock } from '../../controller/kernel/clock.ts'
import { silentLog } from '../../controller/kernel/log.ts'
import { createMetrics } from '../../controller/kernel/metrics.ts'
import { faultProxy, type FaultProxy, type Sort } from '../support/fault-proxy.ts'
import { until } from '../support/until.ts'
import { workspaceOf } from './port.behaviour.ts'

/** Somebody who follows objects through bad connections, and somebody who changes them through good ones. */

export const ada: Writer = { manager: 'test', user: 'ada' }
export const KINDS = ['Workspace', 'Template', 'Owner'] as const
/** Short, so that a peer that is gone is noticed within a test. */
export const WATCH_SECONDS = 2

export interface World {
  readonly proxy: FaultProxy
  /** What is under test: its connection goes through the proxy. */
  readonly cluster: Cluster
  readonly cache: Cache
  readonly told: readonly string[]
  /** Past the proxy. */
  readonly direct: Cluster
  readonly namespace: string
  create(name: string): Promise<void>
  power(name: string, power: string): Promise<void>
  remove(name: string): Promise<void>
  /** The cache shows exactly what the server has. */
  settled(limitMs?: number): Promise<void>
  count(sort: Sort, plural?: string): number
}

async function clusterOf(kubeconfig: string): Promise<Cluster> {
  const connection = await connectKubernetes({ kubeconfig, environment: {}, clock: systemClock, userAgent: 'bothy-test' })
  const opened = await openKubernetes({
    connection,
    clock: systemClock,
    log: silentLog,
    metrics: createMetrics(),
    watchSeconds: WATCH_SECONDS,
  })
  onTestFinished(async () => {
    await opened.close()
    connection.close()
  })
  return opened.cluster
}

export async function followed(kubeconfig: string, namespace: string): Promise<World> {
  const proxy = await faultProxy(kubeconfig)
  onTestFinished(() => proxy.close())
  const direct = await clusterOf(kubeconfig)
  const cluster = await clusterOf(proxy.kubeconfig)
  const ended = new AbortController()
  onTestFinished(() => ended.abort())
  const cache = createCache({ cluster, clock: systemClock, log: silentLog }, KINDS)
  const told: string[] = []
  cache.onChange((key, { metadata }, type) => {
    if (metadata.namespace === namespace) told.push(`${type} ${key.split('/')[2]} ${metadata.uid} ${metadata.resourceVersion}`)
  })
  await cache.start(ended.signal)
  const present = async (): Promise<string[]> => {
    const { items } = await direct.list('Workspace', { namespace })
    return items.map(({ metadata }) => `${metadata.name} ${metadata.resourceVersion}`).toSorted()
  }
  const shown = () => cache.list('Workspace', namespace).map(({ metadata }) => `${metadata.name} ${metadata.resourceVersion}`)
  return {
    proxy,
    cluster,
    cache,
    told,
    direct,
    namespace,
    create: async (name) => void (await direct.create(workspaceOf({ name, namespace }), ada)),
    power: async (name, power) => void (await direct.patch('Workspace', namespace, name, { spec: { power } }, ada)),
    remove: async (name) => void (await direct.delete('Workspace', namespace, name, ada)),
    async settled(limitMs = 30_000) {
      const wanted = await present()
      const same = () => JSON.stringify(shown().toSorted()) === JSON.stringify(wanted)
      await until(`the cache to show ${wanted.length} objects, and not ${shown().length}`, same, { limitMs })
      expect(brokenHistories(told)).toEqual([])
    },
    count: (sort, plural = '') =>
      proxy.asked.filter((one) => one.sort === sort && one.path.includes(`/${plural}`) && !asksHowFar(one.path)).length,
  }
}

/** After a watch that told nothing: the server has bookmarks for quiet kinds when it comes to it, and reads nothing for this. */
const asksHowFar = (path: string): boolean => path.endsWith('?limit=1')

/** Each object begins once, moves on in the order of its versions, and ends at most once. */
export function brokenHistories(told: readonly string[]): string[] {
  const histories = new Map<string, string[][]>()
  for (const line of told) {
    const [type = '', name = '', uid = '', version = ''] = line.split(' ')
    const id = `${name} ${uid}`
    histories.set(id, [...(histories.get(id) ?? []), [type, version]])
  }
  return [...histories].flatMap(([id, history]) => {
    const types = history.map(([type]) => type)
    const versions = history.map(([, version]) => Number(version))
    const begins = types.indexOf('ADDED') === 0 && types.lastIndexOf('ADDED') === 0
    const ends = types.indexOf('DELETED') === -1 || types.indexOf('DELETED') === types.length - 1
    // An end that was missed is told with the last version that was seen.
    const ordered = versions.every((version, i) => i === 0 || version > (versions[i - 1] ?? 0) || types[i] === 'DELETED')
    return begins && ends && ordered ? [] : [`${id}: ${history.map((each) => each.join(' ')).join(', ')}`]
  })
}
