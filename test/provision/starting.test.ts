import { expect, test } from 'vitest'
import { listProvisioners } from '../../controller/store/provisioners.ts'
import { jobById } from '../../controller/store/read-jobs.ts'
import { withDatabase } from '../support/postgres.ts'
import { DATA } from './templates.ts'
import { createWorld, workspace } from './world.ts'

const { db } = await withDatabase()

for (const how of ['drain', 'close'] as const) {
  test(`one that is told to end (${how}) while it starts takes no job, and is nobody's hope`, async () => {
    const world = await createWorld(db)
    const job = await world.build(workspace(), await world.template(DATA))
    const provisioner = world.unstarted()
    const started = provisioner.start()
    await provisioner[how]()
    await started
    expect([provisioner.running(), (await jobById(db, job.id))?.phase, await listProvisioners(db)]).toEqual([0, 'Queued', []])
  })
}
