import { describe } from 'vitest'
import { connectKubernetes } from '../../controller/cluster/kubernetes-connection.ts'
import { openKubernetes } from '../../controller/cluster/kubernetes.ts'
import { systemClock } from '../../controller/kernel/clock.ts'
import { silentLog } from '../../controller/kernel/log.ts'
import { noCluster, theCluster } from '../support/cluster.ts'
import { describeCluster } from './port.behaviour.ts'

describe.skipIf(noCluster !== null)('objects of a cluster', () => {
  describeCluster('a real API server', async () => {
    const { kubeconfig, namespace } = await theCluster()
    const connection = await connectKubernetes({ kubeconfig, environment: {}, clock: systemClock, userAgent: 'bothy-test' })
    const { cluster, close } = await openKubernetes({ connection, clock: systemClock, log: silentLog })
    return {
      cluster,
      namespace: await namespace('port'),
      async close() {
        await close()
        connection.close()
      },
    }
  })
})
