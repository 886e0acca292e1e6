import { expect, test } from 'vitest'
import { systemClock, type Clock } from '../../controller/kernel/clock.ts'
import { agentsOf } from '../../controller/store/agents.ts'
import { requestCancel } from '../../controller/store/queue-jobs.ts'
import { intentOf } from '../../controller/store/read-jobs.ts'
import { newestState } from '../../controller/store/states.ts'
import { withDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'
import { realMachines } from './machines.ts'
import { slowMachines } from './slow-machines.ts'
import { PROCESS } from './templates.ts'
import { createWorld, pidsWith, workspace } from './world.ts'

const { db } = await withDatabase()

test('a build canceled in the middle of an apply keeps its state', async () => {
  const world = await createWorld(db)
  const slow = slowMachines(realMachines(world.stateDir))
  await world.provisioner({ machinesFor: slow.machinesFor })
  const dev = workspace()
  const digest = await world.template(PROCESS)
  const job = await world.build(dev, digest)
  await slow.asked
  await requestCancel(db, job.id, 'ada')
  await until('terraform to be told', async () => (await world.logOf(job)).includes('nterrupt'))
  slow.release()
  const ended = await world.ended(job)
  expect([ended.phase, ended.errorReason]).toEqual(['Canceled', 'BuildCanceled'])
  expect(await newestState(db, dev.uid)).not.toBeNull()
  expect(ended.result).toMatchObject({ machines: [{ type: 'bothy_process', name: 'main', present: true }], resources: 2 })

  const destroy = await world.ended(await world.build(dev, digest, { transition: 'destroy' }))
  expect(destroy.phase).toBe('Succeeded')
  expect(pidsWith(`${world.stateDir}/machines/`)).toEqual([])
})

test('terraform that does not end within its grace is killed, and that is said', async () => {
  const world = await createWorld(db)
  const slow = slowMachines(realMachines(world.stateDir))
  await world.provisioner({ machinesFor: slow.machinesFor, limits: { graceMs: 300 } })
  const dev = workspace()
  const job = await world.build(dev, await world.template(PROCESS))
  await slow.asked
  await requestCancel(db, job.id, 'ada')
  const ended = await world.ended(job)
  expect([ended.phase, ended.errorReason]).toEqual(['Canceled', 'OrphansPossible'])
})

const BUILD_MS = 3_456_789

test('a build that takes too long is stopped', async () => {
  const world = await createWorld(db)
  const slow = slowMachines(realMachines(world.stateDir))
  const timeIsOver = Promise.withResolvers<void>()
  // However long it takes until it is in the middle.
  const clock: Clock = {
    ...systemClock,
    after: (ms, work) => (ms === BUILD_MS ? (void timeIsOver.promise.then(work), () => {}) : systemClock.after(ms, work)),
  }
  await world.provisioner({ machinesFor: slow.machinesFor, clock, limits: { buildMs: BUILD_MS } })
  const job = await world.build(workspace(), await world.template(PROCESS))
  await slow.asked
  timeIsOver.resolve()
  await until('terraform to be told', async () => (await world.logOf(job)).includes('nterrupt'))
  slow.release()
  const ended = await world.ended(job)
  expect([ended.phase, ended.errorReason]).toEqual(['Failed', 'BuildTimeout'])
})

test('terraform killed from outside is Interrupted; the next build makes one machine, and no second', async () => {
  const world = await createWorld(db)
  const slow = slowMachines(realMachines(world.stateDir))
  await world.provisioner({ machinesFor: slow.machinesFor })
  const dev = workspace()
  const digest = await world.template(PROCESS)
  const job = await world.build(dev, digest)
  await slow.asked
  const intent = await until('its pid to be written', async () => ((await intentOf(db, job.id))?.pid ? intentOf(db, job.id) : null))
  expect(intent.creates).toEqual([{ type: 'bothy_process', name: 'main' }])
  process.kill(intent.pid ?? 0, 'SIGKILL')
  slow.release()
  const ended = await world.ended(job)
  expect([ended.phase, ended.errorReason]).toEqual(['Failed', 'Interrupted'])
  await until('the machine nobody knows of', () => pidsWith(`${world.stateDir}/machines/`).length === 1)

  const again = await world.ended(await world.build(dev, digest))
  expect([again.phase, again.error]).toEqual(['Succeeded', null])
  expect(pidsWith(`${world.stateDir}/machines/`)).toHaveLength(1)
  expect(await agentsOf(db, dev.uid)).toHaveLength(1)
})

const SLOW = {
  'main.tf': `
resource "terraform_data" "done" {}
module "coder_disk" {
  source = "./disk"
  after  = terraform_data.done.id
}
resource "terraform_data" "later" {
  input = module.coder_disk.id
}`,
  'disk/main.tf': `
variable "after" {}
resource "terraform_data" "home" {
  count = 1
  input = var.after
  provisioner "local-exec" {
    command = "sleep 600"
  }
}
output "id" { value = terraform_data.home[0].id }`,
}
const HOME = 'module.coder_disk.terraform_data.home[0]'

test('what a terraform that was killed had begun with the providers of others is named, and nothing else', async () => {
  const world = await createWorld(db)
  await world.provisioner({ isolation: 'none' })
  const job = await world.build(workspace(), await world.template(SLOW))
  await until('it to be made', async () => (await world.logOf(job)).includes(`${HOME}: Provisioning with`))
  const intent = await until('it to be written down', async () => {
    const found = await intentOf(db, job.id)
    return found?.pid && found.planned?.includes(HOME) ? found : null
  })
  expect(intent.planned?.toSorted()).toEqual([HOME, 'terraform_data.done', 'terraform_data.later'])
  process.kill(-(intent.pid ?? 0), 'SIGKILL')
  const ended = await world.ended(job)
  expect([ended.phase, ended.errorReason, ended.result?.orphans]).toEqual(['Failed', 'Interrupted', [HOME]])
})

test('what a build that was lost with its machine was about to make is named', async () => {
  const world = await createWorld(db)
  const job = await world.build(workspace(), await world.template(PROCESS))
  await db.query(
    `update jobs set claimed_at = clock_timestamp(), progressed_at = clock_timestamp(), lease_until = clock_timestamp(),
     provisioner_id = 'dead', epoch = 1, intent = $2 where id = $1`,
    [job.id, JSON.stringify({ host: 'elsewhere', folder: '/nowhere', creates: [], planned: ['docker_volume.home'] })],
  )
  await world.provisioner({ limits: { elsewhereMs: 100, lookMs: 200 } })
  expect((await world.ended(job)).result?.orphans).toEqual(['docker_volume.home'])
})

test('what a killed build left goes with the workspace, whatever the state says', async () => {
  const world = await createWorld(db)
  const slow = slowMachines(realMachines(world.stateDir))
  await world.provisioner({ machinesFor: slow.machinesFor })
  const dev = workspace()
  const digest = await world.template(PROCESS)
  const job = await world.build(dev, digest)
  await slow.asked
  const intent = await until('its pid to be written', async () => ((await intentOf(db, job.id))?.pid ? intentOf(db, job.id) : null))
  process.kill(intent.pid ?? 0, 'SIGKILL')
  slow.release()
  await world.ended(job)
  await until('the machine nobody knows of', () => pidsWith(`${world.stateDir}/machines/`).length === 1)
  const destroy = await world.ended(await world.build(dev, digest, { transition: 'destroy' }))
  expect([destroy.phase, destroy.error]).toEqual(['Succeeded', null])
  expect(pidsWith(`${world.stateDir}/machines/`)).toEqual([])
})
