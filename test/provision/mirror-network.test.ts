import { spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { startOf } from '../../controller/kernel/pids.ts'
import type { SourceRules } from '../../controller/kernel/source-rules.ts'
import { withDatabase } from '../support/postgres.ts'
import { realProvider } from '../support/real-provider.ts'
import { until } from '../support/until.ts'
import { networkMirror } from './network-mirror.ts'
import { createWorld, KEY, workspace } from './world.ts'

const { db, url } = await withDatabase()
const real = await realProvider()
const missing = 'missing' in real ? real.missing : ''
if (missing) process.stderr.write(`skipped: ${missing}\n`)
const program = 'missing' in real ? '' : real.program
const realTest = test.skipIf(missing !== '')

const ACME = 'example.com/acme/coder'
const template = (marker: string) => ({
  'main.tf': `
# ${marker}
terraform {
  required_providers {
    acme = { source = "${ACME}" }
  }
}
data "coder_workspace" "me" {
  provider = acme
}
`,
})
const from = (mirror: string): SourceRules => ({ providers: null, modules: null, mirror, direct: false })

realTest('a mirror over https is used where the authority that vouches for it is given', async () => {
  const mirror = await networkMirror(program, ACME)
  const world = await createWorld(db)
  const trusting = await world.provisioner({
    isolation: 'required',
    sources: from(mirror.url),
    environment: { SSL_CERT_FILE: mirror.authority },
  })
  const digest = await world.template(template('https'))
  const job = await world.ended(await world.build(workspace(), digest))
  expect([job.phase, job.error]).toEqual(['Succeeded', null])
  const asked = mirror.asked.length
  expect(mirror.asked.some((each) => each.endsWith('.zip'))).toBe(true)
  expect((await world.ended(await world.build(workspace('again'), digest))).phase).toBe('Succeeded')
  expect(mirror.asked).toHaveLength(asked)
  await trusting.close()
  const other = await createWorld(db)
  await other.provisioner({ isolation: 'required', sources: from(mirror.url) })
  const refused = await other.ended(await other.importOf(await other.template(template('untrusted'))))
  expect([refused.phase, refused.errorReason]).toEqual(['Failed', 'ProviderUnavailable'])
  expect(refused.error).toContain('certificate')
})

test('a module that comes from elsewhere is refused where the operator did not allow it, with its place', async () => {
  const world = await createWorld(db)
  await world.provisioner({ sources: { providers: null, modules: ['git::https://example.com/ours/*'], mirror: null, direct: false } })
  const refusals: readonly [string, string, string][] = [
    ['terraform-aws-modules/vpc/aws', 'ProviderUnavailable', 'BOTHY_MODULES of the provisioner allows git::https://example.com/ours/*'],
    ['git::https://example.com/theirs/x.git', 'ProviderUnavailable', 'is not allowed here'],
    ['git::https://example.com/ours/../theirs/x.git', 'TemplateInvalid', '".."'],
    ['https://example.com/x.zip', 'ProviderUnavailable', 'is not allowed here'],
    ['git::file:///etc', 'TemplateInvalid', ''],
    ['/etc', 'TemplateInvalid', ''],
    ['../outside', 'TemplateInvalid', 'outside of the template'],
  ]
  for (const [source, reason, says] of refusals) {
    const job = await world.ended(await world.importOf(await world.template({ 'main.tf': `\nmodule "x" {\n  source = "${source}"\n}\n` })))
    expect([source, job.phase, job.errorReason]).toEqual([source, 'Failed', reason])
    expect(job.error).toMatch(/^main\.tf:3:3: /)
    expect(job.error).toContain(says)
  }
  expect(existsSync(join(world.stateDir, 'prepared'))).toBe(false)
})

realTest('a provisioner that is killed while it fetches leaves nothing in the way', async () => {
  const world = await createWorld(db)
  const mirror = await networkMirror(program, ACME)
  mirror.holdBack(true)
  const args = [`${import.meta.dirname}/fetching-provisioner.ts`, url, world.stateDir, KEY, mirror.url, mirror.authority]
  const dying = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] })
  onTestFinished(() => void dying.kill('SIGKILL'))
  const digest = await world.template(template('killed'))
  const job = await world.build(workspace(), digest)
  const prepared = join(world.stateDir, 'prepared')
  const making = () => (existsSync(prepared) ? readdirSync(prepared).filter((name) => name.startsWith('.making-')) : [])
  await until('it to fetch', () => mirror.asked.some((each) => each.endsWith('.zip')))
  const { pid } = await until('it to say by which process', () => {
    const left = join(prepared, making()[0] ?? '', 'process.json')
    return existsSync(left) && readFileSync(left, 'utf8').trim() !== '' ? JSON.parse(readFileSync(left, 'utf8')) : null
  })
  const gone = new Promise((resolve) => dying.once('exit', resolve))
  dying.kill('SIGKILL')
  await gone
  // As if the time of its lease had passed.
  await db.query('update jobs set lease_until = clock_timestamp() where id = $1', [job.id])
  expect(making()).toHaveLength(1)
  expect(readdirSync(prepared).some((name) => name.endsWith('.lock'))).toBe(true)
  expect(startOf(pid)).not.toBeNull()
  mirror.holdBack(false)
  const environment = { SSL_CERT_FILE: mirror.authority }
  await world.provisioner({ sources: from(mirror.url), environment, limits: { lookMs: 200 } })
  const done = await world.ended(job)
  expect([done.phase, done.error]).toEqual(['Succeeded', null])
  expect(readdirSync(prepared)).toHaveLength(1)
  await until('the terraform of the dead one to end', () => startOf(pid) === null)
})
