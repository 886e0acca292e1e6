import { expect, test } from 'vitest'
import { systemClock } from '../../controller/kernel/clock.ts'
import { silentLog } from '../../controller/kernel/log.ts'
import { createJobs } from '../../controller/provision/jobs.ts'
import { queuePreview } from '../../controller/store/queue-jobs.ts'
import type { PreviewAnswer } from '../../controller/store/records.ts'
import { withDatabase } from '../support/postgres.ts'
import { createWorld, INPUT, workspace, type World } from './world.ts'

const { db } = await withDatabase()

const CONDITIONAL = {
  'main.tf': `
terraform {
  required_providers {
    coder = { source = "coder/coder" }
  }
}

data "coder_parameter" "where" {
  name    = "where"
  default = "here"
  option {
    name  = "Here"
    value = "here"
  }
  option {
    name  = "Cloud"
    value = "cloud"
  }
}

data "coder_parameter" "region" {
  count   = data.coder_parameter.where.value == "cloud" ? 1 : 0
  name    = "region"
  default = "\${data.coder_parameter.where.value}-1"
}

data "coder_parameter" "size" {
  name = "size"
  type = "number"
  validation {
    min = 1
    max = data.coder_parameter.where.value == "cloud" ? 64 : 8
  }
}

data "coder_workspace_preset" "big" {
  name       = "big"
  parameters = { where = "cloud", size = "32" }
}

resource "terraform_data" "never" {
  lifecycle {
    precondition {
      condition     = tonumber(data.coder_parameter.size.value) < 10
      error_message = "a preview plans no resources"
    }
  }
}
`,
}

async function previewed(
  world: World,
  digest: string,
  parameters: Readonly<Record<string, string>>,
  preset: string | null = null,
): Promise<PreviewAnswer> {
  const queued = await queuePreview(db, {
    subject: { uid: INPUT.template.uid, namespace: 'default', name: 'node' },
    digest,
    reason: 'Handled',
    initiator: 'ada',
    class: 'person',
    labels: {},
    input: { ...INPUT, parameters, preset },
  })
  const job = await world.ended(queued)
  expect([job.phase, job.error]).toEqual(['Succeeded', null])
  if (!job.result?.preview) throw new Error('no preview')
  return job.result.preview
}

const shown = ({ parameters }: PreviewAnswer) => parameters.map(({ name, value, error }) => [name, value, error])

test('a form follows what is typed: what is asked, its bounds and its defaults depend on the answers', async () => {
  const world = await createWorld(db)
  await world.provisioner()
  const digest = await world.template(CONDITIONAL)
  expect(shown(await previewed(world, digest, {}))).toEqual([
    ['size', null, 'parameter "size" needs a value'],
    ['where', 'here', null],
  ])
  expect(shown(await previewed(world, digest, { where: 'cloud', size: '64' }))).toEqual([
    ['region', 'cloud-1', null],
    ['size', '64', null],
    ['where', 'cloud', null],
  ])
  const wrong = await previewed(world, digest, { where: 'here', size: '64', region: 'x' })
  expect(shown(wrong)).toEqual([
    ['size', '64', 'parameter "size" must be at most 8, not 64'],
    ['where', 'here', null],
  ])
  expect(wrong.problems).toEqual([{ parameter: 'region', rule: 'unknown', message: 'parameter "region" is not asked with these answers' }])
  const big = await previewed(world, digest, {}, 'big')
  expect(shown(big)).toEqual([
    ['region', 'cloud-1', null],
    ['size', '32', null],
    ['where', 'cloud', null],
  ])
  expect(big.presets.map(({ name }) => name)).toEqual(['big'])
  expect((await previewed(world, digest, { where: 'moon', size: 'x' })).parameters.map(({ error }) => error)).toEqual([
    'parameter "size" must be a number, not "x"',
    'parameter "where" does not offer "moon"; it offers "here", "cloud"',
  ])
  expect((await previewed(world, digest, {}, 'huge')).problems).toEqual([
    { parameter: 'huge', rule: 'preset', message: 'there is no preset "huge"; the template has big' },
  ])
})

test('where what is asked depends on the answers, they are judged before anything is made', async () => {
  const world = await createWorld(db)
  await world.provisioner()
  const files = {
    'main.tf': `${CONDITIONAL['main.tf'].slice(0, CONDITIONAL['main.tf'].indexOf('resource "terraform_data"'))}resource "terraform_data" "made" {}\n`,
  }
  const digest = await world.template(files)
  const dev = workspace()
  const start = (parameters: Readonly<Record<string, string>>, previousParameters = {}) =>
    world.build(dev, digest, { input: { ...INPUT, parameters, previousParameters } }).then((job) => world.ended(job))
  const wrong = await start({ where: 'here', size: '64' })
  expect([wrong.phase, wrong.errorReason, wrong.error]).toEqual([
    'Failed',
    'ParameterInvalid',
    'parameter "size" must be at most 8, not 64',
  ])
  const missing = await start({ where: 'cloud' })
  expect([missing.errorReason, missing.error]).toEqual(['ParameterInvalid', 'parameter "size" needs a value'])
  expect((await start({ where: 'cloud', size: '64' })).phase).toBe('Succeeded')
})

test('a preview does not wait behind builds that take all the room; a second one does', async () => {
  const world = await createWorld(db)
  const digest = await world.template(CONDITIONAL)
  for (let n = 0; n < 3; n += 1) await world.build(workspace(), digest)
  const ask = () =>
    queuePreview(db, { subject: INPUT.template, digest, reason: 'Handled', initiator: 'ada', class: 'person', labels: {}, input: INPUT })
  await ask()
  await ask()
  const over = Promise.withResolvers<void>()
  const kinds: string[] = []
  const jobs = createJobs({
    db,
    clock: systemClock,
    log: silentLog,
    claimant: { provisionerId: 'lane', labels: {} },
    limits: { leaseMs: 60_000, buildMs: 60_000 },
    capacity: 1,
  })
  jobs.accept(async ({ job }) => {
    kinds.push(job.kind)
    await over.promise
  })
  await jobs.claimMore()
  await jobs.claimMore()
  expect(kinds).toEqual(['build', 'preview'])
  jobs.refuse()
  over.resolve()
  await jobs.idle()
})
