import { expect, test } from 'vitest'
import { systemClock } from '../../controller/kernel/clock.ts'
import { silentLog } from '../../controller/kernel/log.ts'
import { createJobs } from '../../controller/provision/jobs.ts'
import { withDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'
import { DATA } from './templates.ts'
import { createWorld, workspace } from './world.ts'

const { db } = await withDatabase()

test('a job that comes back while it still runs here begins again only when the first try has ended', async () => {
  const world = await createWorld(db)
  const { id } = await world.build(workspace(), await world.template(DATA))
  const jobs = createJobs({
    db,
    clock: systemClock,
    log: silentLog,
    claimant: { provisionerId: 'one', labels: {} },
    limits: { leaseMs: 60_000, buildMs: 60_000 },
    capacity: 2,
  })
  const told: string[] = []
  jobs.accept(async ({ epoch }, hold) => {
    told.push(`${epoch} begins`)
    if (epoch > 1) return
    await until('the first try to be stopped', () => hold.stop.aborted)
    told.push(`${epoch} ends: ${String(hold.stop.reason)}`)
  })
  await jobs.claimMore()
  await db.query('update jobs set claimed_at = null, provisioner_id = null, lease_until = null where id = $1', [id])
  await jobs.claimMore()
  jobs.refuse()
  await jobs.idle()
  expect(told).toEqual(['1 begins', '1 ends: lease lost', '2 begins'])
})
