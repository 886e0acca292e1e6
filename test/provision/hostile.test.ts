import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { stateIn } from '../../controller/provision/folder.ts'
import { queueBuild } from '../../controller/store/queue-jobs.ts'
import { newestState } from '../../controller/store/states.ts'
import { keepFiles } from '../../controller/store/versions.ts'
import { withDatabase } from '../support/postgres.ts'
import { createWorld, INPUT, workspace } from './world.ts'

const { db } = await withDatabase()

const NULLS = String.fromCharCode(0)

test("a template sees nothing of ours in its environment, and no file of this machine's", async () => {
  const world = await createWorld(db)
  await world.provisioner({
    isolation: 'required',
    environment: { AWS_REGION: 'eu-1', TF_CLI_ARGS_apply: '-destroy', DATABASE_URL: 'postgres://secret', HOME: '/root' },
    passEnvironment: ['AWS_REGION', 'TF_CLI_ARGS_apply', 'DATABASE_URL'],
  })
  const digest = await world.template({
    'main.tf': `
output "environment" { value = split("\\u0000", replace(file("/proc/self/environ"), "/=[^\\u0000]*/", "")) }
output "region" { value = strcontains(file("/proc/self/environ"), "AWS_REGION=eu-1") }
output "root" { value = fileset("/", "*") }
output "passwd" { value = fileexists("/etc/passwd") }
output "where" { value = abspath(path.root) }
`.replaceAll('\\u0000', '\\u0000'),
  })
  const job = await world.ended(await world.build(workspace(), digest))
  expect([job.phase, job.error]).toEqual(['Succeeded', null])
  const outputs = job.result?.outputs ?? {}
  expect(String(outputs['environment']).split(',').toSorted()).toEqual(
    [
      '',
      'AWS_REGION',
      'CHECKPOINT_DISABLE',
      'GOGC',
      'GOMAXPROCS',
      'GOMEMLIMIT',
      'HOME',
      'LANG',
      'PATH',
      'PWD',
      'TF_CLI_CONFIG_FILE',
      'TF_DATA_DIR',
      'TF_INPUT',
      'TF_IN_AUTOMATION',
      'TF_REATTACH_PROVIDERS',
    ].toSorted(),
  )
  expect({ ...outputs, environment: null }).toEqual({ environment: null, region: true, root: [], passwd: false, where: '/build/tree' })
})

test('what the operator passes to builds is in no log and no error, whatever a template prints', async () => {
  const world = await createWorld(db)
  await world.provisioner({
    environment: { CLOUD_TOKEN: 'hunter2hunter2', REGION: 'eu-north' },
    passEnvironment: ['CLOUD_TOKEN', 'REGION'],
  })
  const digest = await world.template({
    'main.tf': `
locals { no = false }
output "x" {
  value = 1
  precondition {
    condition     = local.no
    error_message = "It is \${join(" ", regexall("(?:CLOUD_TOKEN|REGION)=[a-z0-9-]+", file("/proc/self/environ")))}."
  }
}`,
  })
  const job = await world.ended(await world.build(workspace(), digest))
  expect(job.error).toContain('CLOUD_TOKEN=[redacted]')
  expect(job.error).toContain('REGION=eu-north')
  expect(`${job.error} ${await world.logOf(job)}`).not.toContain('hunter2')
})

test('what a template runs finds no shell, no network and nothing but the program itself', async () => {
  const world = await createWorld(db)
  await world.provisioner({ isolation: 'required' })
  const digest = await world.template({
    'main.tf': `
resource "terraform_data" "x" {
  provisioner "local-exec" {
    command = "id > /build/tree/id"
  }
}
`,
  })
  const job = await world.ended(await world.build(workspace(), digest))
  expect([job.phase, job.errorReason]).toEqual(['Failed', 'BuildFailed'])
  expect(job.error).toContain('/bin/sh')
})

test('a template cannot bring its own terraform data, nor keep the state elsewhere', async () => {
  const world = await createWorld(db)
  await world.provisioner()
  const dev = workspace()
  const digest = await world.template({
    '.terraform/providers/registry.terraform.io/hashicorp/null/1.0.0/linux_amd64/terraform-provider-null': '#!/bin/sh\ntouch /tmp/owned\n',
    'main.tf': `
terraform {
  backend "http" {
    address = "http://127.0.0.1:9/"
  }
}
resource "terraform_data" "x" {
  input = fileset(path.root, ".terraform/**")
}
`,
  })
  const job = await world.ended(await world.build(dev, digest))
  expect([job.phase, job.error]).toEqual(['Succeeded', null])
  const sealed = await newestState(db, dev.uid)
  const state: unknown = JSON.parse(sealed ? world.sealer.open(sealed, dev.uid).toString() : '')
  expect(state).toMatchObject({ resources: [{ type: 'terraform_data', instances: [{ attributes: { input: { value: [] } } }] }] })
})

test('an override that would come after ours is refused', async () => {
  const world = await createWorld(db)
  await world.provisioner()
  const digest = await world.template({
    'main.tf': '',
    'zzz_override.tf': 'terraform {\n  backend "local" {\n    path = "/tmp/x"\n  }\n}\n',
  })
  const job = await world.ended(await world.importOf(digest))
  expect([job.phase, job.errorReason]).toEqual(['Failed', 'TemplateInvalid'])
  expect(job.error).toContain('zzz_override.tf')
})

test('stored files that are not those of their digest are not unpacked', async () => {
  const world = await createWorld(db)
  await world.provisioner()
  const digest = `sha256:${'0'.repeat(64)}`
  await keepFiles(db, digest, [{ path: '../../escaped', content: 'x', encoding: 'utf8' }])
  const job = await world.ended(await world.importOf(digest))
  expect([job.phase, job.errorReason]).toEqual(['Failed', 'TemplateInvalid'])
  expect(readdirSync(world.stateDir)).not.toContain('escaped')
})

test('a state that was replaced by a link is not followed', async () => {
  const world = await createWorld(db)
  const secret = join(world.stateDir, 'secret')
  writeFileSync(secret, JSON.stringify({ version: 4, serial: 1, lineage: 'x', outputs: {}, resources: [] }))
  mkdirSync(join(world.stateDir, 'build/tree'), { recursive: true })
  symlinkSync(secret, join(world.stateDir, 'build/tree/terraform.tfstate'))
  expect(await stateIn(join(world.stateDir, 'build'))).toBeNull()
})

test('a build log says no secret, and the database holds no token in the clear', async () => {
  const world = await createWorld(db)
  await world.provisioner()
  const dev = workspace()
  const digest = await world.template({
    'main.tf': `
terraform {
  required_providers {
    coder = { source = "coder/coder" }
  }
}
variable "password" {
  sensitive = true
}
resource "coder_agent" "main" {
  os   = "linux"
  arch = "amd64"
}
resource "terraform_data" "check" {
  input = nonsensitive(coder_agent.main.token)
  lifecycle {
    postcondition {
      condition     = self.output == "x"
      error_message = "token \${nonsensitive(coder_agent.main.token)} password \${nonsensitive(var.password)}"
    }
  }
}
`,
  })
  const answer = await queueBuild(db, {
    subject: dev,
    digest,
    reason: 'Created',
    initiator: 'ada',
    class: 'person',
    labels: {},
    number: 1,
    transition: 'start',
    requestUid: null,
    inputs: '',
    input: { ...INPUT, variables: { password: 'correct-horse' } },
  })
  if (!answer.queued) throw new Error(answer.why)
  const job = await world.ended(answer.job)
  expect(job.phase).toBe('Failed')
  expect(job.error).toContain('token [redacted] password [redacted]')
  const sealed = await newestState(db, dev.uid)
  const state: unknown = JSON.parse(sealed ? world.sealer.open(sealed, dev.uid).toString() : '')
  const token = /"token": ?"([^"]+)"/.exec(JSON.stringify(state))?.[1] ?? ''
  expect(token).toMatch(/^[0-9a-f-]{36}$/)
  expect(sealed?.includes(token)).toBe(false)
  const tables = ['jobs', 'job_logs', 'agents', 'states', 'versions', 'settings', 'provisioners']
  for (const table of tables) {
    const rows = await db.query<{ row: string }>(`select row_to_json(t)::text as row from ${table} t`)
    expect(rows.filter(({ row }) => row.includes(token) || (table !== 'jobs' && row.includes('correct-horse')))).toEqual([])
    expect(rows.filter(({ row }) => row.includes(NULLS))).toEqual([])
  }
})
