import { expect, test } from 'vitest'
import { PLACE_LABEL } from '../../controller/kernel/names.ts'
import { placeIn } from '../../controller/provision/place.ts'
import { jobById } from '../../controller/store/read-jobs.ts'
import { withDatabase } from '../support/postgres.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { DATA, PROCESS } from './templates.ts'
import { createWorld, pidsWith, workspace } from './world.ts'

const { db } = await withDatabase()

test('a state folder has one name for good, and every folder another', () => {
  const [one, two] = [temporaryFolder(), temporaryFolder()]
  expect(placeIn(one)).toBe(placeIn(one))
  expect(placeIn(one)).not.toBe(placeIn(two))
})

test('what has its machine in one place is built by a provisioner there and by no other', async () => {
  const world = await createWorld(db)
  const here = await world.provisioner()
  const dev = workspace()
  const digest = await world.template(PROCESS)
  const first = await world.ended(await world.build(dev, digest))
  expect(first.result?.place).toBe(placeIn(world.stateDir))
  await here.close()

  await world.provisioner({ stateDir: temporaryFolder() })
  const again = await world.build(dev, digest, { labels: { [PLACE_LABEL]: first.result?.place ?? '' } })
  // Younger, of a workspace that is nowhere yet: it would not come first.
  const elsewhere = await world.ended(await world.build(workspace('other'), await world.template(DATA)))
  expect([elsewhere.phase, elsewhere.result?.place]).toEqual(['Succeeded', undefined])
  expect((await jobById(db, again.id))?.phase).toBe('Queued')

  await world.provisioner()
  expect((await world.ended(again)).phase).toBe('Succeeded')
  expect(pidsWith(`${world.stateDir}/machines/`)).toHaveLength(1)
  const stop = await world.ended(await world.build(dev, digest, { transition: 'stop', labels: again.labels }))
  expect(stop.result).toMatchObject({ machines: [], place: first.result?.place })
})
