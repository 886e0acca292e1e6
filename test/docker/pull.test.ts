import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { containerNamed } from '../../controller/machines/engine-objects.ts'
import { createLayers, referenceOf } from '../../controller/machines/pull.ts'
import { loginFrom } from '../../controller/machines/registry-login.ts'
import { dockerMissing, rootfs, startDocker, type Daemon } from '../support/docker.ts'
import { startRegistry, type RegistryOptions } from '../support/registry.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { until } from '../support/until.ts'
import { createWorld, never, refusal, wanted } from './world.ts'

/** Images from a real registry through a real daemon, and a daemon that is not there. */

const missing = dockerMissing()

describe('what is known of an image before it is asked for', () => {
  test.each([
    ['node', 'docker.io', 'node', 'latest'],
    ['library/node:22', 'docker.io', 'library/node', '22'],
    ['ghcr.io/ada/tools', 'ghcr.io', 'ghcr.io/ada/tools', 'latest'],
    ['127.0.0.1:5000/tools:1', '127.0.0.1:5000', '127.0.0.1:5000/tools', '1'],
    ['localhost/tools', 'localhost', 'localhost/tools', 'latest'],
    ['node@sha256:0123', 'docker.io', 'node', 'sha256:0123'],
    ['ghcr.io/a/b:2@sha256:0123', 'ghcr.io', 'ghcr.io/a/b', 'sha256:0123'],
  ])('%s is of %s', (image, registry, repository, tag) => {
    expect(referenceOf(image)).toEqual({ registry, repository, tag })
  })

  test('layers are counted as they come', () => {
    const layers = createLayers()
    const hear = (id: string, status: string, current = 0, total = 0) => layers.hear({ id, status, current, total })
    hear('latest', 'Pulling from library/node')
    for (const id of ['a', 'b', 'c']) hear(id, 'Pulling fs layer')
    hear('a', 'Already exists')
    hear('b', 'Downloading', 2_500_000, 10_000_000)
    expect(layers.text()).toBe('1 of 3 layers, 2.5 of 10.0 MB')
    hear('b', 'Download complete')
    hear('b', 'Extracting', 100, 10_000_000)
    hear('b', 'Pull complete')
    hear('c', 'Pull complete')
    expect(layers.text()).toBe('3 of 3 layers, 10.0 of 10.0 MB')
  })

  test('a login is used for registries that the operator named, and for no other', async () => {
    const file = join(temporaryFolder(), 'config.json')
    const auth = Buffer.from('ada:pass:word').toString('base64')
    writeFileSync(file, JSON.stringify({ auths: { 'ghcr.io': { auth }, 'https://index.docker.io/v1/': { identitytoken: 'it' } } }))
    expect(await loginFrom(file, ['ghcr.io'], 'ghcr.io')).toEqual({ username: 'ada', password: 'pass:word' })
    expect(await loginFrom(file, ['docker.io'], 'docker.io')).toEqual({ identitytoken: 'it' })
    expect(await loginFrom(file, ['docker.io'], 'ghcr.io')).toBeNull()
    expect(await loginFrom('/nonexistent', ['ghcr.io'], 'ghcr.io')).toBeNull()
  })
})

const registry = async (more: Partial<RegistryOptions> = {}) => {
  const layer = rootfs(temporaryFolder(), {})
  const started = await startRegistry({ layers: [layer, Buffer.concat([layer.subarray(0, 1024), Buffer.alloc(1024)])], ...more })
  onTestFinished(() => started.close())
  return started
}

describe.skipIf(missing !== null)(`images and daemons${missing ? ` (skipped: ${missing})` : ''}`, () => {
  let daemon: Daemon
  beforeAll(async () => {
    daemon = await startDocker()
    await daemon.image('bothy-test')
  })
  afterAll(() => daemon.close())

  test('an image is pulled once, and the log says how far it is', async () => {
    const { host, asked } = await registry({ dripMs: 400 })
    const world = createWorld(daemon.docker)
    const image = `${host}/tools:1`
    expect(await world.machines().create(wanted({ image }), never)).toMatchObject({ image })
    expect(world.said[0]).toBe(`Pulling ${image}.`)
    expect(world.said.at(-1)).toMatch(new RegExp(`^Pulled ${image}: 2 of 2 layers, [\\d.]+ of [\\d.]+ MB\\.$`))
    expect(world.said.some((line) => /: \d of 2 layers, [\d.]+ of [1-9][\d.]* MB\.$/.test(line))).toBe(true)
    const before = asked.length
    await world.machines().update(wanted({ image, env: {} }), never)
    expect(asked.length).toBe(before)
    await world.machines().forget()
  })

  test('an image that is not there fails in the words of the daemon, and nothing is left', async () => {
    const { host } = await registry()
    const world = createWorld(daemon.docker)
    expect(await refusal(world.machines().create(wanted({ image: `${host}/tools:none` }), never))).toMatch(
      /The image cannot be had: .*(manifest unknown|not found)/,
    )
    expect(await containerNamed(daemon.docker, world.nameOf())).toBeNull()
  })

  test('a registry that wants a login gets the one that the operator gave it', async () => {
    const login = { username: 'ada', password: 'lovelace' }
    const { host } = await registry({ login })
    const world = createWorld(daemon.docker)
    const image = `${host}/private:1`
    expect(await refusal(world.machines().create(wanted({ image }), never))).toMatch(
      /The image cannot be had: .*(no basic auth|authentication)/,
    )
    const machines = world.machines({ loginFor: async (name) => (name === host ? login : null) })
    expect(await machines.create(wanted({ image }), never)).toMatchObject({ image })
    await world.machines().forget()
  })

  test('a pull that is canceled ends at once', async () => {
    const { host } = await registry({ dripMs: 5000 })
    const world = createWorld(daemon.docker)
    const stop = new AbortController()
    const creating = refusal(world.machines().create(wanted({ image: `${host}/slow:1` }), stop.signal))
    await until('the pull to have begun', () => world.said.length > 0)
    stop.abort()
    expect(await creating).not.toBe('nothing was refused')
    expect(await containerNamed(daemon.docker, world.nameOf())).toBeNull()
  })

  test('while the daemon is down a build waits for it, says so, and goes on; or gives up by name', async () => {
    const world = createWorld(daemon.docker)
    await daemon.stop()
    const gaveUp = await refusal(world.machines({ awayMs: 10 }).create(wanted(), never))
    expect(gaveUp).toMatch(/Docker is not available: .*Start Docker or Podman/)
    world.said.length = 0
    const creating = world.machines().create(wanted(), never)
    await until('it to be said', () => world.said.length > 0)
    expect(world.said).toEqual([expect.stringMatching(/^Waiting for Docker: /)])
    const stop = new AbortController()
    const canceled = refusal(world.machines().observe('main', stop.signal))
    stop.abort()
    expect(await canceled).toContain('canceled while it waited')
    await daemon.start()
    expect((await creating).image).toBe('bothy-test')
    await world.machines().forget()
  })

  test('a workspace that has nothing in Docker is deleted without it', async () => {
    const world = createWorld(daemon.docker)
    await daemon.stop()
    await world.machines().forget()
    await daemon.start()
    expect(world.said).toEqual([])
  })
})
