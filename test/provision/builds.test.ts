import { expect, test } from 'vitest'
import { agentsOf } from '../../controller/store/agents.ts'
import type { AgentRow } from '../../controller/store/records.ts'
import { openedManifest } from '../../controller/store/sealed-manifest.ts'
import { newestState } from '../../controller/store/states.ts'
import { withDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'
import { PROCESS } from './templates.ts'
import { createWorld, INPUT, pidsWith, workspace, type World } from './world.ts'

const { db } = await withDatabase()

const told = ({ sealer }: World, { id, manifest }: AgentRow) => openedManifest(sealer, id, manifest)

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
  const made = await agentsOf(db, dev.uid)
  expect(made).toMatchObject([{ name: 'main', confirmed: true }])
  expect(made.map((agent) => told(world, agent).env)).toEqual([{ GREETING: 'hello' }])
  // What is told to it may hold credentials.
  expect(JSON.stringify(made)).not.toContain('hello')

  const look = await world.ended(await world.look(dev, digest))
  expect([look.phase, look.error, look.result]).toMatchObject([
    'Succeeded',
    null,
    { machines: [{ name: 'main', present: true }], drift: [] },
  ])

  const stop = await world.ended(await world.build(dev, digest, { transition: 'stop' }))
  expect([stop.phase, stop.error, stop.result]).toMatchObject(['Succeeded', null, { machines: [] }])
  expect(pidsWith(`${world.stateDir}/machines/`)).toEqual([])

  const destroy = await world.ended(await world.build(dev, digest, { transition: 'destroy' }))
  expect([destroy.phase, destroy.error, destroy.result]).toMatchObject(['Succeeded', null, { machines: [], resources: 0 }])
  expect(await newestState(db, dev.uid)).not.toBeNull()
})

test('a workspace whose template is gone is destroyed by its state alone', async () => {
  const world = await createWorld(db)
  await world.provisioner()
  const dev = workspace()
  const digest = await world.template(PROCESS)
  const start = await world.ended(await world.build(dev, digest))
  expect([start.phase, start.error]).toEqual(['Succeeded', null])
  await db.query('delete from template_files where digest = $1', [digest])

  const stop = await world.ended(await world.build(dev, digest, { transition: 'stop' }))
  expect([stop.phase, stop.errorReason]).toEqual(['Failed', 'TemplateInvalid'])
  expect(pidsWith(`${world.stateDir}/machines/`)).toHaveLength(1)

  const destroy = await world.ended(await world.build(dev, digest, { transition: 'destroy' }))
  expect([destroy.phase, destroy.error]).toEqual(['Succeeded', null])
  expect(pidsWith(`${world.stateDir}/machines/`)).toEqual([])
  expect(await agentsOf(db, dev.uid)).toEqual([])
})

test('a workspace that never was is destroyed at once', async () => {
  const world = await createWorld(db)
  await world.provisioner()
  const destroy = await world.ended(await world.build(workspace(), 'sha256:unknown', { transition: 'destroy' }))
  expect([destroy.phase, destroy.error, destroy.result?.resources]).toEqual(['Succeeded', null, 0])
})

test('a failed start says which line failed, and keeps what was made', async () => {
  const world = await createWorld(db)
  await world.provisioner()
  const dev = workspace()
  const broken = `${PROCESS['main.tf']}
resource "terraform_data" "check" {
  input = bothy_agent.main.id
  lifecycle {
    postcondition {
      condition     = self.output == "never"
      error_message = "not today"
    }
  }
}
`
  const start = await world.ended(await world.build(dev, await world.template({ 'main.tf': broken })))
  expect([start.phase, start.errorReason]).toEqual(['Failed', 'BuildFailed'])
  expect(start.error).toMatch(/^main\.tf:\d+:\d+: Resource postcondition failed .*not today/)
  expect((await world.logOf(start)).split('not today')).toHaveLength(2)
  expect(await agentsOf(db, dev.uid)).toMatchObject([{ name: 'main', confirmed: true }])

  const mended = await world.ended(await world.build(dev, await world.template(PROCESS)))
  expect([mended.phase, mended.error]).toEqual(['Succeeded', null])
  expect(pidsWith(`${world.stateDir}/machines/`)).toHaveLength(1)
})

test('an update of a running workspace keeps its agent', async () => {
  const world = await createWorld(db)
  await world.provisioner()
  const dev = workspace()
  const digest = await world.template(PROCESS)
  await world.ended(await world.build(dev, digest))
  const before = await agentsOf(db, dev.uid)
  const update = await world.ended(await world.build(dev, digest, { input: { ...INPUT, parameters: { greeting: 'salut' } } }))
  expect([update.phase, update.error, update.result?.outputs]).toEqual(['Succeeded', null, { greeting: 'salut' }])
  const after = await agentsOf(db, dev.uid)
  expect(after.map((agent) => [agent.id, agent.confirmed, told(world, agent).env])).toEqual([[before[0]?.id, true, { GREETING: 'salut' }]])
  expect(pidsWith(`${world.stateDir}/machines/`)).toHaveLength(1)
})

test('a look sees that a machine is gone and changes nothing; a start brings it back', async () => {
  const world = await createWorld(db)
  await world.provisioner()
  const dev = workspace()
  const digest = await world.template(PROCESS)
  await world.ended(await world.build(dev, digest))
  const before = await newestState(db, dev.uid)
  const [pid = 0] = pidsWith(`${world.stateDir}/machines/`)
  process.kill(-pid, 'SIGKILL')
  await until('the machine to be gone', () => pidsWith(`${world.stateDir}/machines/`).length === 0)

  const look = await world.ended(await world.look(dev, digest))
  expect([look.phase, look.error]).toEqual(['Succeeded', null])
  expect(look.result).toMatchObject({
    machines: [{ type: 'bothy_process', name: 'main', present: false }],
    drift: ['bothy_process.main[0]'],
  })
  expect((await newestState(db, dev.uid))?.equals(before ?? Buffer.alloc(0))).toBe(true)

  const start = await world.ended(await world.build(dev, digest))
  expect([start.phase, start.error]).toEqual(['Succeeded', null])
  expect(pidsWith(`${world.stateDir}/machines/`)).toHaveLength(1)
  expect(await agentsOf(db, dev.uid)).toHaveLength(1)
})
