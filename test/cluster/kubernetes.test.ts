import { describe, expect, onTestFinished, test } from 'vitest'
import { createCache } from '../../controller/cluster/cache.ts'
import { connectKubernetes } from '../../controller/cluster/kubernetes-connection.ts'
import { openKubernetes } from '../../controller/cluster/kubernetes.ts'
import type { Cluster, Happening, Writer } from '../../controller/cluster/port.ts'
import { systemClock } from '../../controller/kernel/clock.ts'
import { silentLog } from '../../controller/kernel/log.ts'
import { createMetrics } from '../../controller/kernel/metrics.ts'
import { newUid } from '../../controller/kernel/names.ts'
import { noCluster, noOwnCluster, ownCluster, theCluster } from '../support/cluster.ts'
import { until } from '../support/until.ts'
import { describeCluster, workspaceOf } from './port.behaviour.ts'

async function openAt(kubeconfig: string, metrics = createMetrics()) {
  const connection = await connectKubernetes({ kubeconfig, environment: {}, clock: systemClock, userAgent: 'bothy-test', metrics })
  const { cluster, close } = await openKubernetes({ connection, clock: systemClock, log: silentLog, metrics })
  return {
    cluster,
    async close() {
      await close()
      connection.close()
    },
  }
}

async function opened(kubeconfig: string, metrics = createMetrics()): Promise<Cluster> {
  const { cluster, close } = await openAt(kubeconfig, metrics)
  onTestFinished(close)
  return cluster
}

const ada: Writer = { manager: 'test', user: 'ada' }
const folder: Writer = { manager: 'bothy-folder', user: 'folder', declarer: `folder:/srv/${'deep/'.repeat(40)}declared` }
const marks = { 'bothy.dev/declared-by': JSON.stringify({ source: folder.declarer, path: 'dev.yaml', line: 3 }) }

describe.skipIf(noCluster !== null)('objects of a cluster', () => {
  describeCluster('a real API server', async () => {
    const { kubeconfig, namespace } = await theCluster()
    return { ...(await openAt(kubeconfig)), namespace: await namespace('port') }
  })

  test('what is told again after a restart, or by another replica, is counted and not told twice', async () => {
    const { kubeconfig, namespace } = await theCluster()
    const home = await namespace('events')
    const happening: Happening = {
      regarding: { kind: 'Workspace', namespace: home, name: 'dev', uid: newUid() },
      type: 'Warning',
      reason: 'BuildFailed',
      action: 'Build',
      note: `It failed: ${'é'.repeat(2000)}`,
    }
    const replicas = await Promise.all([opened(kubeconfig), opened(kubeconfig), opened(kubeconfig)])
    for (const replica of replicas) await replica.emit(happening)
    await Promise.all(replicas.map((replica) => replica.emit(happening)))
    const { items } = await replicas[0].list('Event', { namespace: home })
    expect(items).toHaveLength(1)
    expect(items[0]).toMatchObject({
      series: { count: 6 },
      reportingController: 'bothy.dev/controller',
      note: expect.stringMatching(/é…$/),
    })
  })

  test('what cannot be told keeps nobody from going on', async () => {
    const { kubeconfig } = await theCluster()
    const regarding = { kind: 'Workspace', namespace: 'nowhere', name: 'dev' }
    await (await opened(kubeconfig)).emit({ regarding, type: 'Normal', reason: 'Started', action: 'Start', note: 'It runs.' })
  })

  test('a source owns the fields it declares, by a name of its own, and takes them from who had them', async () => {
    const { kubeconfig, namespace, kubectl } = await theCluster()
    const home = await namespace('declared')
    const cluster = await opened(kubeconfig)
    const draft = workspaceOf({ name: 'dev', namespace: home, annotations: marks }, { power: 'Stopped' })
    await cluster.apply(draft, folder)
    await kubectl(['patch', 'workspace', 'dev', '--type=merge', '-p', '{"spec":{"power":"Running","updates":"Automatic"}}'], {
      namespace: home,
    })
    const again = await cluster.apply(draft, folder)
    expect(again.spec).toMatchObject({ power: 'Stopped', updates: 'Automatic' })
    const { stdout } = await kubectl(['get', 'workspace', 'dev', '-o', 'json', '--show-managed-fields'], { namespace: home })
    const { managedFields } = JSON.parse(stdout).metadata
    const applied = managedFields.filter(({ operation }: { operation: string }) => operation === 'Apply')
    expect(applied).toHaveLength(1)
    expect(applied[0].manager).toMatch(/^bothy-folder:folder:\/srv\/deep.*:[0-9a-f]{32}$/)
    expect(applied[0].manager.length).toBeLessThanOrEqual(128)
    await expect(cluster.apply(workspaceOf({ name: 'dev', namespace: home }, { updates: 'Manual' }), ada)).rejects.toMatchObject({
      reason: 'Forbidden',
    })
  })

  test('somebody who applies is told whose a field is, and takes it from nobody', async () => {
    const { kubeconfig, namespace } = await theCluster()
    const home = await namespace('applied')
    const cluster = await opened(kubeconfig)
    await cluster.apply(workspaceOf({ name: 'dev', namespace: home }, { power: 'Stopped' }), ada)
    const other = { manager: 'other', user: 'bea' }
    await expect(cluster.apply(workspaceOf({ name: 'dev', namespace: home }, { power: 'Running' }), other)).rejects.toMatchObject({
      reason: 'Conflict',
      details: { causes: [expect.objectContaining({ reason: 'FieldManagerConflict', field: '.spec.power' })] },
    })
  })

  test('how late watches are, and what they ask for, is measured', async () => {
    const { kubeconfig, namespace } = await theCluster()
    const home = await namespace('measured')
    const metrics = createMetrics()
    const cluster = await opened(kubeconfig, metrics)
    const ended = new AbortController()
    onTestFinished(() => ended.abort())
    const cache = createCache({ cluster, clock: systemClock, log: silentLog }, ['Workspace'])
    await cache.start(ended.signal)
    // The first write tells that the kind is watched, the second how late.
    for (const name of ['one', 'two']) {
      await cluster.create(workspaceOf({ name, namespace: home }), ada)
      await until(`${name} to be seen`, () => cache.get('Workspace', home, name))
    }
    const page = await metrics.page()
    expect(page).toMatch(/^bothy_watch_lag_seconds_count [1-9]/m)
    expect(page).toMatch(/^bothy_kubernetes_lists_total\{kind="Workspace"\} 1$/m)
    expect(page).toMatch(/^bothy_kubernetes_watches_total\{kind="Workspace"\} 1$/m)
    expect(page).toMatch(/^bothy_kubernetes_requests_total\{method="POST",group="bothy.dev",code="201"\} 2$/m)
  })

  test.skipIf(noOwnCluster !== null)('a kind that is not installed is not taken for one that has no objects', async () => {
    const { kubeconfig } = await ownCluster({ crds: false })
    const cluster = await opened(kubeconfig)
    await expect(cluster.get('Workspace', 'default', 'dev')).rejects.toMatchObject({ reason: 'NotFound' })
    await expect(cluster.list('Workspace')).rejects.toMatchObject({ reason: 'NotFound' })
  })
})
