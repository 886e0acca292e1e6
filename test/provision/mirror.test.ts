import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Fields, Log } from '../../controller/kernel/log.ts'
import { silentLog } from '../../controller/kernel/log.ts'
import type { SourceRules } from '../../controller/kernel/source-rules.ts'
import { providerLockOf } from '../../controller/store/provider-locks.ts'
import { newestState } from '../../controller/store/states.ts'
import { withDatabase } from '../support/postgres.ts'
import { mirrorOf, REAL_PLATFORM, REAL_VERSION, realProvider } from '../support/real-provider.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { until } from '../support/until.ts'
import { createWorld, workspace, type World } from './world.ts'

const { db } = await withDatabase()
const real = await realProvider()
const missing = 'missing' in real ? real.missing : ''
if (missing) process.stderr.write(`skipped: ${missing}\n`)
const program = 'missing' in real ? '' : real.program
const realTest = test.skipIf(missing !== '')

const ACME = 'example.com/acme/coder'

/** Somebody else's provider beside ours, and a module of the template's own. */
const template = (address = ACME, marker = 'a') => ({
  'main.tf': `
# ${marker}
terraform {
  required_providers {
    acme = {
      source = "${address}"
    }
    bothy = { source = "bothy/bothy" }
  }
}
data "bothy_workspace" "me" {}
resource "coder_env" "x" {
  provider = acme
  count    = data.bothy_workspace.me.start_count
  agent_id = "x"
  name     = "x"
  value    = module.words.greeting
}
module "words" {
  source = "./words"
}
`,
  'words/main.tf': 'output "greeting" { value = "hello" }\n',
})

const from = (mirror: string, more: Partial<SourceRules> = {}): SourceRules => ({
  providers: null,
  modules: null,
  mirror,
  direct: false,
  ...more,
})

/** How often something was fetched, and what else was said. */
function listening(): { readonly log: Log; readonly said: string[]; fetches(): number } {
  const said: string[] = []
  const hear = (message: string, fields?: Fields) => void said.push(`${message} ${JSON.stringify(fields ?? {})}`)
  const log: Log = { ...silentLog, info: hear, warn: hear, error: hear, with: () => log }
  return { log, said, fetches: () => said.filter((each) => each.startsWith('providers and modules of a version were fetched')).length }
}

const preparedIn = (world: World): string[] => readdirSync(join(world.stateDir, 'prepared')).toSorted()

realTest('builds with a provider of somebody else: fetched once, locked, and used by every build', async () => {
  const world = await createWorld(db)
  const { log, fetches } = listening()
  await world.provisioner({ isolation: 'required', sources: from(mirrorOf(program, [ACME])), log })
  const digest = await world.template(template())
  const imported = await world.ended(await world.importOf(digest))
  expect([imported.phase, imported.error]).toEqual(['Succeeded', null])
  const dev = workspace()
  for (const transition of ['start', 'stop', 'start', 'destroy'] as const) {
    const job = await world.ended(await world.build(dev, digest, { transition }))
    expect([transition, job.phase, job.error]).toEqual([transition, 'Succeeded', null])
    expect(job.result?.resources).toBe({ start: 1, stop: 0, destroy: 0 }[transition])
  }
  expect(fetches()).toBe(1)
  expect(await providerLockOf(db, digest)).toContain(`provider "${ACME}"`)
  expect(preparedIn(world)).toEqual([`${digest.slice('sha256:'.length)}-${REAL_PLATFORM}`])
  const folder = join(world.stateDir, 'prepared', preparedIn(world)[0] ?? '')
  const installed = join(folder, 'providers', ACME, REAL_VERSION, REAL_PLATFORM)
  expect(readdirSync(installed)).toHaveLength(1)
  expect(() => execFileSync('find', [folder, '-perm', '/222'], { encoding: 'utf8' })).not.toThrow()
  expect(execFileSync('find', [folder, '-perm', '/222'], { encoding: 'utf8' })).toBe('')
})

realTest('without a sandbox, too, builds share what was fetched', async () => {
  const world = await createWorld(db)
  await world.provisioner({ isolation: 'none', sources: from(mirrorOf(program, [ACME])) })
  const job = await world.ended(await world.build(workspace(), await world.template(template())))
  expect([job.phase, job.error, job.result?.resources]).toEqual(['Succeeded', null, 1])
})

realTest('two builds at once fetch once, and many share what is read-only', async () => {
  const world = await createWorld(db)
  const mirror = mirrorOf(program, [ACME])
  const { log, fetches } = listening()
  const other = listening()
  await world.provisioner({ sources: from(mirror), log, capacity: 3 })
  await world.provisioner({ sources: from(mirror), log: other.log, capacity: 3 })
  const digest = await world.template(template(ACME, 'together'))
  const jobs = await Promise.all(['a', 'b', 'c', 'd', 'e', 'f'].map((name) => world.build(workspace(name), digest)))
  const ended = await Promise.all(jobs.map((job) => world.ended(job)))
  expect(ended.map(({ phase, error }) => [phase, error])).toEqual(jobs.map(() => ['Succeeded', null]))
  expect(fetches() + other.fetches()).toBe(1)
  expect(new Set(ended.map(({ provisionerId }) => provisionerId)).size).toBe(2)
})

realTest('another machine uses exactly the same providers, and none that are merely new', async () => {
  const world = await createWorld(db)
  await world.provisioner({ id: 'first', sources: from(mirrorOf(program, [ACME])) })
  const digest = await world.template(template(ACME, 'elsewhere'))
  expect((await world.ended(await world.build(workspace(), digest))).phase).toBe('Succeeded')
  const kept = (await providerLockOf(db, digest)) ?? ''
  await db.query('update template_files set provider_lock = $2 where digest = $1', [digest, kept.replace(/h1:..../, 'h1:AAAA')])
  const job = await world.ended(await world.build(workspace('other'), digest))
  expect([job.phase, job.errorReason]).toEqual(['Failed', 'ProviderUnavailable'])
  expect(job.error).toMatch(/^main\.tf:5:\d+: .*checksums/)
})

realTest('a lock file that the template ships is kept to', async () => {
  const world = await createWorld(db)
  await world.provisioner({ sources: from(mirrorOf(program, [ACME])) })
  const digest = await world.template(template(ACME, 'unlocked'))
  expect((await world.ended(await world.importOf(digest))).phase).toBe('Succeeded')
  const lock = (await providerLockOf(db, digest)) ?? ''
  // What a template of Coder's ships names its own provider too, which is ours here and never fetched.
  const coders = 'provider "registry.terraform.io/coder/coder" {\n  version = "2.0.0"\n  hashes = ["h1:AAAA"]\n}\n'
  const right = await world.template({ ...template(ACME, 'locked'), '.terraform.lock.hcl': `${lock}${coders}` })
  const good = await world.ended(await world.build(workspace(), right))
  expect([good.phase, good.error]).toEqual(['Succeeded', null])
  expect(await providerLockOf(db, right)).toBeNull()
  const wrong = await world.template({ ...template(), '.terraform.lock.hcl': lock.replace(/h1:..../, 'h1:AAAA') })
  const refused = await world.ended(await world.importOf(wrong))
  expect([refused.phase, refused.errorReason]).toEqual(['Failed', 'ProviderUnavailable'])
  expect(refused.error).toContain('checksums')
  const incomplete = await world.template({ ...template(), '.terraform.lock.hcl': '# nothing\n' })
  const changed = await world.ended(await world.importOf(incomplete))
  expect(changed.error).toContain('lock file is read-only')
})

realTest('what is damaged is fetched again, what nobody needs goes', async () => {
  const world = await createWorld(db)
  const { log, said, fetches } = listening()
  const options = { sources: from(mirrorOf(program, [ACME])), log }
  const digest = await world.template(template(ACME, 'damaged'))
  await (await world.provisioner(options)).close()
  const first = await world.provisioner(options)
  expect((await world.ended(await world.build(workspace(), digest))).phase).toBe('Succeeded')
  const folder = join(world.stateDir, 'prepared', preparedIn(world)[0] ?? '')
  const file = join(folder, 'providers', ACME, REAL_VERSION, REAL_PLATFORM, `terraform-provider-coder_v${REAL_VERSION}`)
  const bytes = readFileSync(file)
  bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1
  chmodSync(file, 0o755)
  writeFileSync(file, bytes)
  const again = await world.ended(await world.build(workspace('b'), digest))
  expect([again.phase, again.error, fetches()]).toEqual(['Succeeded', null, 2])
  expect(said.join('\n')).toContain('is not what was fetched')
  await first.close()
  await db.query('delete from template_files where digest = $1', [digest])
  utimesSync(join(folder, 'manifest.json'), 1, 1)
  await world.provisioner(options)
  await until('what nobody needs to go', () => !existsSync(folder))
})

realTest('what is in the state is destroyed by its own provider when the template no longer names it', async () => {
  const world = await createWorld(db)
  await world.provisioner({ sources: from(mirrorOf(program, [ACME])) })
  const dev = workspace()
  expect((await world.ended(await world.build(dev, await world.template(template(ACME, 'before'))))).phase).toBe('Succeeded')
  const after = await world.template({ 'main.tf': 'resource "terraform_data" "only" {}\n' })
  const job = await world.ended(await world.build(dev, after))
  expect([job.phase, job.error, job.result?.resources]).toEqual(['Succeeded', null, 1])
  const sealed = await newestState(db, dev.uid)
  expect(sealed && world.sealer.open(sealed, dev.uid).toString()).not.toContain(ACME)
})

realTest('a provider that is not allowed is refused by name, file, line and setting, at once', async () => {
  const world = await createWorld(db)
  const { log, fetches } = listening()
  await world.provisioner({ sources: from(mirrorOf(program, [ACME]), { providers: ['hashicorp/*', 'example.com/other/*'] }), log })
  const job = await world.ended(await world.importOf(await world.template(template(ACME, 'refused'))))
  expect([job.phase, job.errorReason]).toEqual(['Failed', 'ProviderUnavailable'])
  expect(job.error).toMatch(
    /^main\.tf:5:\d+: the provider example\.com\/acme\/coder is not allowed here: BOTHY_PROVIDERS of the provisioner allows hashicorp\/\*, example\.com\/other\/\*$/,
  )
  expect(fetches()).toBe(0)
  expect(existsSync(join(world.stateDir, 'prepared'))).toBe(false)
})

realTest('a provider that the mirror lacks is a clear error, not a wait', async () => {
  const world = await createWorld(db)
  const mirror = mirrorOf(program, [ACME])
  await world.provisioner({ sources: from(mirror) })
  const job = await world.ended(await world.importOf(await world.template(template('acme/other', 'lacking'))))
  expect([job.phase, job.errorReason]).toEqual(['Failed', 'ProviderUnavailable'])
  expect(job.error).toMatch(/^main\.tf:5:\d+: .*registry\.terraform\.io\/acme\/other was not found/)
  expect(job.error).toContain(`only from the mirror ${mirror}`)
  expect(job.error).toContain('BOTHY_PROVIDER_DIRECT=1')
  expect(readdirSync(join(world.stateDir, 'prepared'))).toEqual([])
})

test('a mirror that leads out of itself is not followed', async () => {
  if (missing) return
  const world = await createWorld(db)
  const outside = temporaryFolder()
  writeFileSync(join(outside, `terraform-provider-coder_v${REAL_VERSION}`), 'secret', { mode: 0o755 })
  await world.provisioner({ sources: from(mirrorOf(join(outside, `terraform-provider-coder_v${REAL_VERSION}`), [ACME])) })
  const job = await world.ended(await world.importOf(await world.template(template(ACME, 'leads out'))))
  expect(job.phase).toBe('Failed')
})
