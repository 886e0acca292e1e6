import { expect, test } from 'vitest'
import { agentsOf } from '../../controller/store/agents.ts'
import { newestState } from '../../controller/store/states.ts'
import { withDatabase } from '../support/postgres.ts'
import { PROCESS } from './templates.ts'
import { createWorld, pidsWith, workspace } from './world.ts'

const { db } = await withDatabase()

test('starts, looks at, stops and destroys a workspace', async () => {
  const world = await createWorld(db)
  await world.provisioner()
  const dev = workspace()
  const digest = await world.template(PROCESS)

  const start = await world.ended(await world.build(dev, digest))
  expect([start.phase, start.errorReason, start.error]).toEqual(['Succeeded', null, null])
  expect(start.result).toMatchObject({
    machines: [{ type: 'bothy_process', name: 'main', present: true }],
    outputs: { greeting: 'hello' },
    resources: 2,
  })
  expect(pidsWith(`${world.stateDir}/machines/`)).toHaveLength(1)
  expect(await agentsOf(db, dev.uid)).toMatchObject([{ name: 'main', confirmed: true, manifest: { env: { GREETING: 'hello' } } }])

  const look = await world.ended(await world.look(dev, digest))
  expect([look.phase, look.error, look.result]).toMatchObject([
    'Succeeded',
    null,
    { machines: [{ name: 'main', present: true }], drifted: false },
  ])

  const stop = await world.ended(await world.build(dev, digest, { transition: 'stop' }))
  expect([stop.phase, stop.error, stop.result]).toMatchObject(['Succeeded', null, { machines: [] }])
  expect(pidsWith(`${world.stateDir}/machines/`)).toEqual([])

  const destroy = await world.ended(await world.build(dev, digest, { transition: 'destroy' }))
  expect([destroy.phase, destroy.error, destroy.result]).toMatchObject(['Succeeded', null, { machines: [], resources: 0 }])
  expect(await newestState(db, dev.uid)).not.toBeNull()
})
