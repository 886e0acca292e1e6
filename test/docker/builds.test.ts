import { spawn } from 'node:child_process'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { shortUid } from '../../controller/kernel/names.ts'
import { containerNamed, ofWorkspace } from '../../controller/machines/engine-objects.ts'
import { dockerMissing, startDocker, type Daemon } from '../support/docker.ts'
import { withDatabase } from '../support/postgres.ts'
import { createWorld, KEY, workspace, type World } from '../provision/world.ts'
import { containersOn, containerTemplate } from './provisioner-machines.ts'

/** Builds of containers by real terraform: killed in the middle, with a wrong image, without a daemon, and looked at. */

const missing = dockerMissing()
const { db, url } = await withDatabase()

describe.skipIf(missing !== null)(`builds of containers${missing ? ` (skipped: ${missing})` : ''}`, () => {
  let daemon: Daemon
  beforeAll(async () => {
    daemon = await startDocker()
    await daemon.image('bothy-test')
  })
  afterAll(() => daemon.close())

  const containers = (uid: string) => ofWorkspace(daemon.docker, 'containers', uid)
  const provisioner = (world: World, awayMs?: number) =>
    world.provisioner({ machinesFor: containersOn(daemon.docker, world.stateDir, awayMs), limits: { lookMs: 200 } })

  /** A provisioner that is killed right after this call to Docker. */
  async function killedAfter(world: World, path: string): Promise<void> {
    const program = `${import.meta.dirname}/crashing-provisioner.ts`
    const child = spawn(process.execPath, [program, url, world.stateDir, KEY, daemon.socket, path], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const gone = new Promise((resolve) => child.once('exit', resolve))
    onTestFinished(async () => {
      child.kill('SIGKILL')
      await gone
    })
    await new Promise((resolve, reject) => {
      child.stdout.once('data', resolve)
      void gone.then(() => reject(new Error('the provisioner ended by itself')))
    })
    child.kill('SIGKILL')
    await gone
    // Nobody waits for the end of its lease; a short one it could lose while it lives, on a machine that is busy.
    await db.query(`update jobs set lease_until = clock_timestamp() where finished_at is null`)
  }

  test.each(['/volumes/create', '/containers/create', '/start'])(
    'a provisioner that is killed after %s leaves one container at most, and the next build has one',
    async (path) => {
      const world = await createWorld(db)
      const dev = workspace()
      const digest = await world.template(containerTemplate())
      const job = await world.build(dev, digest)
      await killedAfter(world, path)
      const before = await containers(dev.uid)
      expect(before).toHaveLength(path === '/volumes/create' ? 0 : 1)
      await provisioner(world)
      expect(await world.ended(job)).toMatchObject({ phase: 'Failed', errorReason: 'Interrupted' })
      const again = await world.ended(await world.build(dev, digest))
      expect([again.phase, again.error]).toEqual(['Succeeded', null])
      const after = await containers(dev.uid)
      expect(after).toHaveLength(1)
      // One that ran goes on; one that was never started is made anew.
      if (path === '/start') expect(after).toEqual(before)
      expect((await containerNamed(daemon.docker, `bothy-${shortUid(dev.uid)}-main`))?.running).toBe(true)
      const gone = await world.ended(await world.build(dev, digest, { transition: 'destroy' }))
      expect([gone.phase, gone.error]).toEqual(['Succeeded', null])
      expect([await containers(dev.uid), await ofWorkspace(daemon.docker, 'volumes', dev.uid)]).toEqual([[], []])
    },
  )

  test('a container that ended by itself goes with the stop, and its volume stays', async () => {
    const world = await createWorld(db)
    await provisioner(world)
    const dev = workspace()
    const digest = await world.template(containerTemplate())
    expect(await world.ended(await world.build(dev, digest))).toMatchObject({ phase: 'Succeeded' })
    const [id] = await containers(dev.uid)
    await daemon.docker.call('POST', `/containers/${id}/kill`)
    const stop = await world.ended(await world.build(dev, digest, { transition: 'stop' }))
    expect([stop.phase, stop.error]).toEqual(['Succeeded', null])
    expect(await containers(dev.uid)).toEqual([])
    expect(await ofWorkspace(daemon.docker, 'volumes', dev.uid)).toHaveLength(1)
    await world.ended(await world.build(dev, digest, { transition: 'destroy' }))
  })

  test('a container that a crash left under another name is removed by the next build', async () => {
    const world = await createWorld(db)
    const dev = workspace()
    const job = await world.build(dev, await world.template(containerTemplate({ name: 'old' })))
    await killedAfter(world, '/start')
    await provisioner(world)
    await world.ended(job)
    const again = await world.ended(await world.build(dev, await world.template(containerTemplate({ name: 'new' }))))
    expect([again.phase, again.error]).toEqual(['Succeeded', null])
    expect(again.result?.machines).toEqual([{ type: 'bothy_container', name: 'new', present: true }])
    expect(await containers(dev.uid)).toHaveLength(1)
    expect(await containerNamed(daemon.docker, `bothy-${shortUid(dev.uid)}-old`)).toBeNull()
    await world.ended(await world.build(dev, again.digest, { transition: 'destroy' }))
    expect(await containers(dev.uid)).toEqual([])
  })

  test('a wrong image fails in the words of the daemon, at its line of the template', async () => {
    const world = await createWorld(db)
    await provisioner(world)
    const job = await world.ended(await world.build(workspace(), await world.template(containerTemplate({ image: '127.0.0.1:1/none' }))))
    expect([job.phase, job.errorReason]).toEqual(['Failed', 'BuildFailed'])
    expect(job.error).toMatch(/main\.tf:\d+:\d+: The image cannot be had \(.*attribute image\): .*127\.0\.0\.1:1/)
    expect(await world.logOf(job)).toContain('Pulling 127.0.0.1:1/none.')
  })

  test('an allowance that is missing is said by the plan, before anything is made', async () => {
    const world = await createWorld(db)
    await provisioner(world)
    const files = containerTemplate()
    const asking = { 'main.tf': files['main.tf'].replace('"none"', '"host"') }
    const job = await world.ended(await world.importOf(await world.template(asking)))
    expect(job.error).toMatch(/main\.tf:\d+:\d+: The network of the host is not allowed.*BOTHY_CONTAINER_ALLOW=host-network/)
  })

  test('without a daemon a build fails by name, a stop too, and both succeed once it is there', async () => {
    const world = await createWorld(db)
    const dev = workspace()
    const digest = await world.template(containerTemplate())
    let works = await provisioner(world, 300)
    const another = async (awayMs?: number) => {
      await works.close()
      works = await provisioner(world, awayMs)
    }
    await daemon.stop()
    const failed = await world.ended(await world.build(dev, digest))
    expect([failed.phase, failed.errorReason]).toEqual(['Failed', 'DockerUnavailable'])
    expect(await world.logOf(failed)).toContain('Waiting for Docker: ')
    await daemon.start()
    // One that does not wait for long cannot tell a daemon that is busy from none.
    await another()
    expect((await world.ended(await world.build(dev, digest))).phase).toBe('Succeeded')
    await another(300)
    await daemon.stop()
    expect(await world.ended(await world.look(dev, digest))).toMatchObject({ phase: 'Failed', errorReason: 'DockerUnavailable' })
    expect(await world.ended(await world.build(dev, digest, { transition: 'stop' }))).toMatchObject({ errorReason: 'DockerUnavailable' })
    await daemon.start()
    await another()
    expect((await world.ended(await world.build(dev, digest, { transition: 'destroy' }))).phase).toBe('Succeeded')
    expect([await containers(dev.uid), await ofWorkspace(daemon.docker, 'volumes', dev.uid)]).toEqual([[], []])
  })

  test('a look tells a container that is gone from one that somebody changed', async () => {
    const world = await createWorld(db)
    const dev = workspace()
    const digest = await world.template(containerTemplate())
    await provisioner(world)
    await world.ended(await world.build(dev, digest))
    expect((await world.ended(await world.look(dev, digest))).result).toMatchObject({ machines: [{ present: true }], drift: [] })
    const [id = ''] = await containers(dev.uid)
    await daemon.docker.call('POST', `/containers/${id}/update`, { body: { Memory: 64 * 2 ** 20, MemorySwap: 64 * 2 ** 20 } })
    expect((await world.ended(await world.look(dev, digest))).result).toMatchObject({
      machines: [{ present: true }],
      drift: ['bothy_container.main[0]'],
    })
    await daemon.docker.call('DELETE', `/containers/${id}`, { query: { force: 'true' } })
    expect((await world.ended(await world.look(dev, digest))).result).toMatchObject({ machines: [{ name: 'main', present: false }] })
    await world.ended(await world.build(dev, digest, { transition: 'destroy' }))
  })
})
