import { spawn, spawnSync } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { mkdtempSync } from 'node:fs'
import { appendFile, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { connect, constants } from 'node:http2'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { systemClock } from '../../controller/kernel/clock.ts'
import { installProvider, platformOf, terraformConfig } from '../../provider/install.ts'
import { localhostCertificate } from '../../provider/wire/localhost-certificate.ts'
import { COMPILED } from '../support/compiled.ts'
import { root } from '../support/bothy.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { until } from '../support/until.ts'
import { REQUIRED } from './terraform.ts'

/** The provider as terraform installs it from a mirror and starts it: nobody serves it, and its environment says who asks. */

const home = mkdtempSync(join(tmpdir(), 'bothy-launched-'))
const mirror = join(home, 'mirror')
const scratch = join(home, 'tmp')
const platform = platformOf(process.platform, process.arch)
const launcher = join(mirror, 'registry.terraform.io/bothy/bothy/0.1.0', platform, 'terraform-provider-bothy_v0.1.0')

beforeAll(async () => {
  await mkdir(scratch)
  await installProvider(mirror, '0.1.0', platform)
  await writeFile(join(home, 'terraformrc'), terraformConfig(mirror))
})

afterAll(() => rm(home, { recursive: true, force: true }))

const ENVIRONMENT = {
  PATH: `${join(process.execPath, '..')}:${process.env['PATH'] ?? ''}`,
  HOME: home,
  TMPDIR: scratch,
  TF_CLI_CONFIG_FILE: join(home, 'terraformrc'),
  CHECKPOINT_DISABLE: '1',
  ...COMPILED,
}

async function folderWith(text: string): Promise<string> {
  const folder = temporaryFolder()
  await writeFile(join(folder, 'main.tf'), REQUIRED + text)
  return folder
}

function terraform(folder: string, args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const { status, stdout, stderr } = spawnSync('terraform', args, { cwd: folder, encoding: 'utf8', env: { ...ENVIRONMENT, ...env } })
  return { code: status, stdout, stderr }
}

const TEMPLATE = `
data "coder_workspace" "me" {}
data "bothy_workspace_owner" "me" {}
resource "coder_agent" "main" {
  os   = "linux"
  arch = "amd64"
}
resource "bothy_script" "start" {
  agent_id     = coder_agent.main.id
  display_name = data.bothy_workspace_owner.me.name
  script       = "true"
  run_on_start = data.coder_workspace.me.start_count == 1
}
output "seen" {
  value = [data.coder_workspace.me.name, data.bothy_workspace_owner.me.name, data.coder_workspace.me.access_url]
}
output "token" {
  value     = coder_agent.main.token
  sensitive = true
}
`
const VARIABLES = { BOTHY_WORKSPACE_NAME: 'ours', CODER_WORKSPACE_NAME: 'theirs', CODER_WORKSPACE_OWNER: 'ada' }

const leftOver = async () => (await readdir(scratch)).filter((name) => name.startsWith('bothy-provider-'))

test('installed, validated, applied, refreshed and destroyed by hand; nothing stays', async () => {
  const folder = await folderWith(TEMPLATE)
  expect(terraform(folder, ['init'])).toMatchObject({ code: 0 })
  expect(JSON.parse(terraform(folder, ['validate', '-json']).stdout)).toMatchObject({ valid: true, diagnostics: [] })
  expect(terraform(folder, ['apply', '-auto-approve'], VARIABLES)).toMatchObject({ code: 0 })
  const outputs = JSON.parse(terraform(folder, ['output', '-json']).stdout)
  expect(outputs.seen.value).toEqual(['ours', 'ada', 'https://mydeployment.coder.com'])
  // A refresh leaves the token as it is, and with it a workspace that runs.
  expect(terraform(folder, ['plan', '-detailed-exitcode'], VARIABLES)).toMatchObject({ code: 0 })
  expect(terraform(folder, ['apply', '-auto-approve'], VARIABLES)).toMatchObject({ code: 0 })
  expect(JSON.parse(terraform(folder, ['output', '-json']).stdout).token).toEqual(outputs.token)
  expect(terraform(folder, ['destroy', '-auto-approve'], VARIABLES)).toMatchObject({ code: 0 })
  await until('every provider to take its socket away', async () => (await leftOver()).length === 0)
})

test('without encryption too', async () => {
  const folder = await folderWith(TEMPLATE)
  expect(terraform(folder, ['init'])).toMatchObject({ code: 0 })
  expect(terraform(folder, ['plan'], { ...VARIABLES, TF_DISABLE_PLUGIN_TLS: '1' })).toMatchObject({ code: 0 })
})

test('the lock file notices a bundle that was changed', async () => {
  const folder = await folderWith(TEMPLATE)
  const other = temporaryFolder()
  await installProvider(other, '0.1.0', platform)
  await writeFile(join(other, 'terraformrc'), terraformConfig(other))
  const env = { TF_CLI_CONFIG_FILE: join(other, 'terraformrc') }
  expect(terraform(folder, ['init'], env)).toMatchObject({ code: 0 })
  await appendFile(join(other, 'registry.terraform.io/coder/coder/2.19.0', platform, 'provider.mjs'), '// changed\n')
  const { code, stderr } = terraform(folder, ['plan', '-no-color'], env)
  expect(code).toEqual(1)
  expect(stderr.replaceAll(/[\s│]+/g, ' ')).toMatch(/does not match any of the checksums/)
})

test('two installations are the same, byte by byte', async () => {
  const again = temporaryFolder()
  for (const { folder } of await installProvider(again, '0.1.0', platform)) {
    for (const name of await readdir(folder)) {
      expect(await readFile(join(folder, name))).toEqual(await readFile(join(folder.replace(again, mirror), name)))
    }
  }
})

const MACHINES = `
resource "bothy_process" "main" {
  agent_id = coder_agent.main.id
}
resource "bothy_container" "main" {
  agent_id = coder_agent.main.id
  image    = "debian:12"
}
resource "bothy_pod" "main" {
  agent_id = coder_agent.main.id
  image    = "debian:12"
}
`

test('machines are the control plane’s: by hand they are planned and not made', async () => {
  const folder = await folderWith(TEMPLATE + MACHINES)
  expect(terraform(folder, ['init'])).toMatchObject({ code: 0 })
  expect(terraform(folder, ['plan'], VARIABLES)).toMatchObject({ code: 0 })
  const { code, stderr } = terraform(folder, ['apply', '-auto-approve', '-no-color'], VARIABLES)
  expect(code).toEqual(1)
  expect(stderr.replaceAll(/[\s│]+/g, ' ').match(/Machines are made by the builds of a control plane/g)).toHaveLength(3)
})

test('bothy provider schema prints what terraform prints', async () => {
  const folder = await folderWith('')
  expect(terraform(folder, ['init'])).toMatchObject({ code: 0 })
  const listed = JSON.parse(terraform(folder, ['providers', 'schema', '-json']).stdout)
  const printed = spawnSync(process.execPath, [join(root, 'cli/main.ts'), 'provider', 'schema'], { encoding: 'utf8', env: ENVIRONMENT })
  expect(JSON.parse(printed.stdout)).toEqual(listed)
})

test('bothy provider install writes a mirror and prints how to use it', async () => {
  const folder = temporaryFolder()
  const args = [join(root, 'cli/main.ts'), 'provider', 'install', '--dir', folder]
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', env: ENVIRONMENT })
  expect({ status, stdout }).toEqual({ status: 0, stdout: terraformConfig(folder) })
  for (const host of ['registry.terraform.io', 'registry.opentofu.org']) {
    for (const source of ['bothy/bothy', 'coder/coder']) expect(stderr).toContain(`installed ${host}/${source}`)
    expect(await readdir(join(folder, host, 'coder/coder/2.19.0', platform))).toEqual(['provider.mjs', 'terraform-provider-coder_v2.19.0'])
  }
  const wrong = spawnSync(process.execPath, [join(root, 'cli/main.ts'), 'provider', 'remove'], { encoding: 'utf8', env: ENVIRONMENT })
  expect({ status: wrong.status, said: wrong.stderr.split('\n')[0] }).toEqual({ status: 2, said: 'bothy: bothy provider cannot remove' })
})

/* What terraform does when it starts a plugin, done by hand. */

const COOKIE = 'd602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2'
const client = localhostCertificate(systemClock.now())
const HANDSHAKE = { TF_PLUGIN_MAGIC_COOKIE: COOKIE, PLUGIN_PROTOCOL_VERSIONS: '5,6', PLUGIN_CLIENT_CERT: client.certificate }

test.each<[string, Readonly<Record<string, string>>, RegExp]>([
  ['by a person', {}, /terraform and tofu start it, people do not/],
  ['by a terraform that is too old', { ...HANDSHAKE, PLUGIN_PROTOCOL_VERSIONS: '4,5' }, /speaks protocol 6.*only 4, 5/],
])('started %s it says why it ends', (_, env, said) => {
  const { status, stdout, stderr } = spawnSync(launcher, { encoding: 'utf8', env: { ...ENVIRONMENT, ...env } })
  expect({ status, stdout }).toEqual({ status: 1, stdout: '' })
  expect(stderr).toMatch(said)
})

/** Starts it and answers the parts of the one line that it prints. */
async function started() {
  const child = spawn(launcher, { env: { ...ENVIRONMENT, ...HANDSHAKE }, stdio: ['ignore', 'pipe', 'inherit'] })
  let printed = ''
  child.stdout.on('data', (chunk: Buffer) => (printed += chunk.toString()))
  await until('the line that says where it listens', () => printed.includes('\n'))
  const [, , , socket = '', , certificate = ''] = printed.trim().split('|')
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve))
  return { child, printed, socket, server: Buffer.from(certificate, 'base64'), ended }
}

const pem = (der: Buffer) => `-----BEGIN CERTIFICATE-----\n${der.toString('base64')}\n-----END CERTIFICATE-----\n`

test('its certificate is one that a verifier takes for localhost', async () => {
  const { child, printed, server, ended } = await started()
  expect(printed).toMatch(/^1\|6\|unix\|\/[^|]+\|grpc\|[A-Za-z0-9+/]+\n$/)
  const certificate = new X509Certificate(server)
  expect(certificate.checkHost('localhost')).toEqual('localhost')
  expect(certificate.verify(certificate.publicKey)).toEqual(true)
  expect(certificate.ca).toEqual(true)
  expect(certificate.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2'])
  child.kill('SIGTERM')
  expect(await ended).toEqual(0)
})

test('whoever shows no certificate of its terraform is not served', async () => {
  const { child, socket, server, ended } = await started()
  const stranger = localhostCertificate(systemClock.now())
  for (const shown of [{}, { key: stranger.key, cert: stranger.certificate }]) {
    const refused = await new Promise<string>((resolve) => {
      const connection = connectTls({ path: socket, ca: pem(server), servername: 'localhost', ALPNProtocols: ['h2'], ...shown })
      connection.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
      connection.on('close', () => resolve('closed'))
      connection.resume()
    })
    expect(refused).toMatch(/closed|CERTIFICATE|UNKNOWN_CA|ECONNRESET/)
  }
  child.kill('SIGTERM')
  expect(await ended).toEqual(0)
})

/** One call of gRPC without a message in it; answers the outcome. */
function call(connection: ReturnType<typeof connect>, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const stream = connection.request({
      [constants.HTTP2_HEADER_METHOD]: 'POST',
      [constants.HTTP2_HEADER_PATH]: path,
      [constants.HTTP2_HEADER_CONTENT_TYPE]: 'application/grpc',
      te: 'trailers',
    })
    stream.on('trailers', (trailers) => resolve(String(trailers['grpc-status'])))
    stream.on('error', reject)
    stream.resume()
    stream.end(Buffer.alloc(5))
  })
}

test('Ctrl-C is terraform’s to understand; told to shut down it answers, ends and takes its socket away', async () => {
  const { child, socket, server, ended } = await started()
  const tls = { path: socket, ca: pem(server), servername: 'localhost', key: client.key, cert: client.certificate }
  const connection = connect('https://localhost', { createConnection: () => connectTls({ ...tls, ALPNProtocols: ['h2'] }) })
  expect(await call(connection, '/grpc.health.v1.Health/Check')).toEqual('0')
  child.kill('SIGINT')
  const held = connection.request({ ':method': 'POST', ':path': '/plugin.GRPCStdio/StreamStdio', 'content-type': 'application/grpc' })
  const status = await new Promise<unknown>((resolve) => held.on('response', (headers) => resolve(headers[':status'])))
  expect(status).toEqual(200)
  expect(await call(connection, '/plugin.GRPCController/Shutdown')).toEqual('0')
  connection.destroy()
  expect(await ended).toEqual(0)
  expect(await readdir(join(socket, '..')).catch(() => 'gone')).toEqual('gone')
})

test('a provider whose terraform is gone does not stay', async () => {
  const { ended } = await started()
  expect(await ended).toEqual(0)
})

test('several that install at the same moment leave one package, whole', async () => {
  const mirror = temporaryFolder()
  const installed = await Promise.all([1, 2, 3].map(() => installProvider(mirror, '0.1.0', platform)))
  for (const { folder } of installed[0] ?? []) {
    expect(await readdir(join(folder, '..'))).toEqual([platform])
    expect((await readdir(folder)).toSorted()).toEqual(['provider.mjs', expect.stringMatching(/^terraform-provider-/)])
  }
})
