import { expect, onTestFinished, test } from 'vitest'
import { connectKubernetes } from '../../controller/cluster/kubernetes-connection.ts'
import { watchReachable } from '../../controller/cluster/reachable.ts'
import { systemClock } from '../../controller/kernel/clock.ts'
import { silentLog } from '../../controller/kernel/log.ts'
import { noOwnCluster, ownCluster } from '../support/cluster.ts'
import { until } from '../support/until.ts'

test.skipIf(noOwnCluster !== null)(
  'a server that is gone is noticed after a few questions, and so is its return',
  { timeout: 180_000 },
  async () => {
    const cluster = await ownCluster({ crds: false, manager: false })
    const connection = await connectKubernetes({
      kubeconfig: cluster.kubeconfig,
      environment: {},
      clock: systemClock,
      userAgent: 'test',
    })
    const over = new AbortController()
    onTestFinished(() => {
      over.abort()
      connection.close()
    })
    // The same questions, without the time between them.
    const clock = { ...systemClock, sleep: (_ms: number, signal?: AbortSignal) => systemClock.sleep(50, signal) }
    const reachable = watchReachable({ connection, clock, log: silentLog }, over.signal)
    expect(reachable.now).toBe(true)
    await cluster.kill()
    await until('it to be noticed', () => !reachable.now)
    await cluster.start()
    await until('its return', () => reachable.now)
  },
)
