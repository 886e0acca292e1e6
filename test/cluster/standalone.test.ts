import { openStandalone } from '../../controller/cluster/standalone.ts'
import { systemClock } from '../../controller/kernel/clock.ts'
import { silentLog } from '../../controller/kernel/log.ts'
import { withDatabase } from '../support/postgres.ts'
import { describeCluster } from './port.behaviour.ts'

describeCluster('without a cluster', async () => {
  const { db } = await withDatabase()
  return openStandalone({ db, clock: systemClock, log: silentLog })
})
