import { expect, onTestFinished, test } from 'vitest'
import { createFeed } from '../../controller/cluster/feed.ts'
import { openStandalone } from '../../controller/cluster/standalone.ts'
import { systemClock, type Clock } from '../../controller/kernel/clock.ts'
import { silentLog } from '../../controller/kernel/log.ts'
import { createMetrics } from '../../controller/kernel/metrics.ts'
import { OBJECTS_CHANNEL } from '../../controller/store/objects.ts'
import { holding } from '../store/holding.ts'
import { withDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'
import { workspaceOf } from './port.behaviour.ts'

const { db } = await withDatabase()

/** Nothing is looked at unasked: what is told here is told because of a hint. */
const unaskedNever: Clock = { ...systemClock, sleep: (ms, signal) => systemClock.sleep(ms < 5_000 ? ms : 600_000, signal) }

test('what is written while a feed asks where to begin is told at its hint', async () => {
  const { cluster, close } = await openStandalone({ db, clock: systemClock, log: silentLog })
  onTestFinished(close)
  const { holds, hold, isHeld, letGo } = holding(db, (sql) => sql === 'select version from object_version')
  const feed = createFeed({ db: holds, clock: unaskedNever, log: silentLog, metrics: createMetrics() })
  onTestFinished(() => feed.close())
  const from = Number((await cluster.list('Workspace')).resourceVersion)
  hold()
  const begun = feed.after('Workspace', from, feed.epoch)
  await until('it to ask', isHeld)
  let hints = 0
  const stop = await db.listen(
    OBJECTS_CHANNEL,
    () => (hints += 1),
    () => {},
  )
  onTestFinished(stop)
  await cluster.create(workspaceOf({ namespace: 'default', name: 'dev' }), { manager: 'test', user: 'ada' })
  await until('the hint', () => hints > 0)
  await letGo()
  await begun
  const told = await until('the change', async () => {
    const { changes } = await feed.after('Workspace', from, feed.epoch)
    return changes.length > 0 ? changes : null
  })
  expect(told.map(({ type, object }) => `${type} ${object.metadata.name}`)).toEqual(['ADDED dev'])
})
