import { expect, test } from 'vitest'
import { versionOf } from '../../controller/store/versions.ts'
import { withDatabase } from '../support/postgres.ts'
import { PROCESS } from './templates.ts'
import { createWorld, INPUT } from './world.ts'

const { db } = await withDatabase()

const AGENT = 'terraform {\n  required_providers {\n    coder = { source = "coder/coder" }\n  }\n}\n'

const WRONG: readonly {
  readonly what: string
  readonly files: Readonly<Record<string, string>>
  readonly says: readonly string[]
  readonly reason: string
}[] = [
  {
    what: 'a name that does not exist, with file, line and column',
    files: { 'main.tf': 'resource "terraform_data" "a" {\n  input = var.nothing\n}\n' },
    reason: 'ImportFailed',
    says: ['main.tf:2:11', 'undeclared input variable', 'attribute input'],
  },
  {
    what: 'broken syntax',
    files: { 'main.tf': 'resource "terraform_data" "a" {\n  input = \n}\n' },
    reason: 'ImportFailed',
    says: ['main.tf:2:', 'Invalid expression'],
  },
  {
    what: 'a value our provider refuses, at its attribute',
    files: { 'main.tf': `${AGENT}resource "coder_agent" "main" {\n  os   = "linux"\n  arch = "pdp11"\n}\n` },
    reason: 'ImportFailed',
    says: ['main.tf:8', 'attribute arch'],
  },
  {
    what: 'another provider',
    files: { 'main.tf': 'resource "aws_instance" "a" {}\n' },
    reason: 'ProviderUnavailable',
    says: ['hashicorp/aws'],
  },
  {
    what: 'a mistake beside a module',
    files: { 'main.tf': 'module "x" {\n  source = "./x"\n}\n', 'x/main.tf': 'resource "terraform_data" "a" {\n  input = \n}\n' },
    reason: 'ImportFailed',
    says: ['x/main.tf:2', 'Invalid expression'],
  },
  {
    what: 'a cloud block',
    files: { 'main.tf': '# a {\nterraform {\n  required_version = "}"\n  cloud {\n    organization = "x"\n  }\n}\n' },
    reason: 'TemplateInvalid',
    says: ['main.tf:4', 'cloud block'],
  },
  {
    what: 'an agent that cannot be a host name',
    files: { 'main.tf': `${AGENT}resource "coder_agent" "my_agent" {\n  os   = "linux"\n  arch = "amd64"\n}\n` },
    reason: 'TemplateInvalid',
    says: ['"my_agent"'],
  },
]

test('refuses what cannot be imported, each with its reason and its place', async () => {
  const world = await createWorld(db)
  await world.provisioner()
  for (const { what, files, reason, says } of WRONG) {
    const digest = await world.template(files)
    const job = await world.ended(await world.importOf(digest))
    expect([what, job.phase, job.errorReason]).toEqual([what, 'Failed', reason])
    for (const part of says) expect(job.error).toContain(part)
    const version = await versionOf(db, INPUT.template.uid, digest)
    expect([version?.importedAt, version?.error]).toEqual([null, job.error])
  }
})

test('reads a template with the variables it is given, and says which one it misses', async () => {
  const world = await createWorld(db)
  await world.provisioner()
  const digest = await world.template({ 'main.tf': 'variable "region" {}\noutput "region" { value = var.region }\n' })
  const without = await world.ended(await world.importOf(digest))
  expect([without.phase, without.errorReason]).toEqual(['Failed', 'ImportFailed'])
  expect(without.error).toContain('main.tf:1:1: No value for required variable')
  const given = await world.ended(await world.importOf(digest, { ...INPUT, variables: { region: 'eu-1' } }))
  expect([given.phase, given.error]).toEqual(['Succeeded', null])
})

test('learns what a template asks', async () => {
  const world = await createWorld(db)
  await world.provisioner()
  const digest = await world.template(PROCESS)
  const job = await world.ended(await world.importOf(digest))
  expect([job.phase, job.error]).toEqual(['Succeeded', null])
  const version = await versionOf(db, INPUT.template.uid, digest)
  expect(version?.parameters).toEqual([
    {
      name: 'greeting',
      displayName: '',
      description: 'What to say',
      type: 'string',
      formType: 'input',
      mutable: true,
      ephemeral: false,
      required: false,
      default: 'hello',
      options: [],
      validation: null,
      order: 0,
    },
  ])
})

const PERSISTENT = {
  'main.tf': `${PROCESS['main.tf']}
resource "terraform_data" "disk" {}

resource "terraform_data" "cache" {
  count = data.bothy_workspace.me.start_count * 2
}

data "bothy_workspace_tags" "tags" {
  tags = { zone = "eu-\${data.bothy_parameter.greeting.value}" }
}

data "bothy_workspace_preset" "two" {
  name       = "two"
  parameters = { greeting = "hi" }
  prebuilds {
    instances = 2
  }
}
`,
  '.terraform.lock.hcl': '',
}

test('tells what outlives a stop from what does not, by planning both', async () => {
  const world = await createWorld(db)
  await world.provisioner()
  const digest = await world.template(PERSISTENT)
  const job = await world.ended(await world.importOf(digest))
  expect([job.phase, job.error]).toEqual(['Succeeded', null])
  const version = await versionOf(db, INPUT.template.uid, digest)
  expect(version?.facts).toMatchObject({
    persistent: ['bothy_agent.main', 'terraform_data.disk'],
    ephemeral: ['bothy_process.main', 'terraform_data.cache'],
    tags: { zone: 'eu-hello' },
    providers: [{ source: 'bothy/bothy', version: null, constraints: '' }],
    agents: ['main'],
    conditional: false,
    prebuilds: { two: 2 },
  })
  expect(version?.facts?.lock).toMatch(/^sha256:/)
})

test('says of a template that can be started and not stopped that it is so', async () => {
  const world = await createWorld(db)
  await world.provisioner()
  const text = `${PROCESS['main.tf']}output "pid" {\n  value = bothy_process.main[0].pid\n}\n`
  const job = await world.ended(await world.importOf(await world.template({ 'main.tf': text })))
  expect([job.phase, job.errorReason]).toEqual(['Failed', 'ImportFailed'])
  expect(job.error).toMatch(/^when it is stopped: main\.tf:\d+:\d+: Invalid index/)
})
