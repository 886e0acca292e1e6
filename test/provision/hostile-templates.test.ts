import { createServer } from 'node:http'
import { expect, onTestFinished, test } from 'vitest'
import { FILES_MAX, normaliseTemplate } from '../../crds/files.ts'
import type { Job } from '../../controller/store/records.ts'
import { withDatabase } from '../support/postgres.ts'
import { createWorld, INPUT, workspace, type World } from './world.ts'

const { db, url } = await withDatabase()

const MEBIBYTE = 1024 ** 2
const built = async (world: World, text: string): Promise<Job> =>
  world.ended(await world.build(workspace(), await world.template({ 'main.tf': text })))

const remote = (backend: string, config: string) =>
  `data "terraform_remote_state" "x" {\n  backend = "${backend}"\n  config = { ${config} }\n}\noutput "x" { value = data.terraform_remote_state.x.outputs }\n`

const withState = (times: number) => ({
  'big.txt': '0123456789'.repeat(500_000),
  'main.tf': `resource "terraform_data" "x" { input = join("", [for i in range(${times}) : file("big.txt")]) }\noutput "big" { value = file("big.txt") }\n`,
})

const files = (...paths: string[]) => new Map(paths.map((path) => [path, '']))

test('a template that reads without end has the memory and the time of one build', async () => {
  const world = await createWorld(db)
  const first = await world.provisioner({ isolation: 'required', buildLimits: { memoryBytes: 200 * MEBIBYTE } })
  const memory = await built(world, 'output "x" { value = sha256(file("/dev/zero")) }')
  expect(memory.phase).toBe('Failed')
  expect(['LimitExceeded', 'BuildFailed']).toContain(memory.errorReason)
  expect((await built(world, 'output "x" { value = 1 }')).phase).toBe('Succeeded')
  await first.close()
  await world.provisioner({ isolation: 'required', limits: { buildMs: 8000, graceMs: 300 } })
  const time = await built(world, 'output "x" { value = filesha256("/dev/zero") }')
  expect([time.phase, time.errorReason]).toEqual(['Failed', 'OrphansPossible'])
})

test('state of others cannot be read over the network, by a socket, or from the disk', async () => {
  const world = await createWorld(db)
  await world.provisioner({ isolation: 'required' })
  let met = 0
  const server = createServer((_request, response) => {
    met += 1
    response.end('{"version":4,"serial":1,"lineage":"x","outputs":{"secret":{"value":"stolen","type":"string"}},"resources":[]}')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  const place = server.address()
  const port = typeof place === 'object' && place ? place.port : 0
  const tries = [
    remote('http', `address = "http://127.0.0.1:${port}/state", retry_max = 0`),
    remote('http', 'address = "http://169.254.169.254/latest/meta-data/", retry_max = 0'),
    remote('pg', `conn_str = "${url}"`),
    remote('local', `path = "${world.stateDir}/key"`),
    remote('local', 'path = "/proc/1/root/etc/shadow"'),
  ]
  for (const text of tries) {
    const job = await built(world, text)
    expect([text, job.phase]).toEqual([text, 'Failed'])
    expect(JSON.stringify(job.result?.outputs ?? {})).not.toContain('stolen')
  }
  expect(met).toBe(0)
})

test('variables of a template change nothing of how terraform runs', async () => {
  const world = await createWorld(db)
  await world.provisioner({
    isolation: 'required',
    environment: { TF_LOG: 'trace', TF_CLI_ARGS: '-destroy', TF_PLUGIN_CACHE_DIR: '/tmp', LD_PRELOAD: '/x.so', NODE_OPTIONS: '-r x' },
    passEnvironment: ['TF_LOG', 'TF_CLI_ARGS', 'TF_PLUGIN_CACHE_DIR', 'LD_PRELOAD', 'NODE_OPTIONS'],
  })
  const digest = await world.template({
    'main.tf':
      'variable "TF_CLI_ARGS" {}\nvariable "TF_LOG" {}\nresource "terraform_data" "x" { input = var.TF_CLI_ARGS }\noutput "kept" { value = terraform_data.x.output }\n',
    'terraform.tfvars': 'TF_LOG = "trace"\n',
    'x.auto.tfvars': 'TF_CLI_ARGS = "-destroy"\n',
    '.terraformrc': 'plugin_cache_dir = "/tmp"\n',
    'terraform.rc': 'plugin_cache_dir = "/tmp"\n',
  })
  const job = await world.ended(await world.build(workspace(), digest, { input: { ...INPUT, variables: { TF_CLI_ARGS: '-destroy' } } }))
  expect([job.phase, job.error, job.result?.outputs]).toEqual(['Succeeded', null, { kept: '-destroy' }])
  expect(await world.logOf(job)).not.toMatch(/\[TRACE\]|plugin_cache_dir/)
})

test('an external program is refused before anything is fetched, where its provider is not allowed', async () => {
  const world = await createWorld(db)
  await world.provisioner({ sources: { providers: [], modules: [], mirror: null, direct: true } })
  const job = await world.ended(
    await world.importOf(await world.template({ 'main.tf': '\ndata "external" "x" {\n  program = ["id"]\n}\n' })),
  )
  expect([job.phase, job.errorReason]).toEqual(['Failed', 'ProviderUnavailable'])
  expect(job.error).toBe('main.tf:2:1: the provider hashicorp/external is not allowed here: BOTHY_PROVIDERS of the provisioner allows none')
})

test('outputs and a state that are huge are kept, and not shown; more than that is said', async () => {
  const world = await createWorld(db)
  await world.provisioner({ isolation: 'required' })
  const job = await world.ended(await world.build(workspace(), await world.template(withState(1))))
  expect([job.phase, job.error, job.result?.resources]).toEqual(['Succeeded', null, 1])
  expect(JSON.stringify(job.result).length).toBeLessThan(MEBIBYTE)
  const more = await world.ended(await world.build(workspace('more'), await world.template(withState(8))))
  expect([more.phase, more.errorReason]).toEqual(['Failed', 'OrphansPossible'])
  expect(more.error).toContain('larger than 64 MiB')
})

test('names that lead elsewhere, and more files than anybody writes, are no template', () => {
  for (const path of [
    '../x.tf',
    'a/../../x.tf',
    '/etc/x.tf',
    'a\\..\\x.tf',
    'C:/x.tf',
    'a//x.tf',
    './x.tf',
    'x\0.tf',
    `${'a/'.repeat(40)}x.tf`,
  ]) {
    expect(() => normaliseTemplate(files(path))).toThrow(/template file/)
  }
  expect(() => normaliseTemplate(files(...Array.from({ length: FILES_MAX + 1 }, (_, i) => `${i}.tf`)))).toThrow(
    `more than ${FILES_MAX} files`,
  )
})
