import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { shortUid } from '../../controller/kernel/names.ts'
import { containerNamed, ofWorkspace } from '../../controller/machines/engine-objects.ts'
import { dockerMissing, startDocker, type Daemon } from '../support/docker.ts'
import { until } from '../support/until.ts'
import { dockerHome } from './home.ts'

/** The third example from outside, as a person: its image is exchanged, its control plane restarts, somebody removes its container. */

const missing = dockerMissing()

describe.skipIf(missing !== null)(`a workspace whose container goes${missing ? ` (skipped: ${missing})` : ''}`, () => {
  let daemon: Daemon
  beforeAll(async () => {
    daemon = await startDocker()
    await daemon.image('bothy-test')
    await daemon.image('bothy-other')
  })
  afterAll(() => daemon.close())

  const existing = async (uid: string) => {
    const kinds = ['containers', 'volumes', 'networks'] as const
    return (await Promise.all(kinds.map((kind) => ofWorkspace(daemon.docker, kind, uid)))).map(({ length }) => length)
  }

  test('its home and its agent outlive what becomes of it', { timeout: 600_000 }, async () => {
    const home = dockerHome(daemon, 'bothy-test')
    const up = await home.up()
    const { metadata } = await home.running(1)
    const name = `bothy-${shortUid(metadata.uid)}-main`
    await home.inside('echo kept > ~/kept; echo gone > /var/cache/dev/gone')

    // Another image is another container with the same home.
    home.set('image', 'bothy-other')
    await home.running(2)
    expect((await containerNamed(daemon.docker, name))?.image).toBe('bothy-other')
    expect(await home.inside('cat ~/kept; ls /var/cache/dev')).toBe('kept')

    // The control plane restarts; the agent finds the new socket where the old one was.
    const before = await containerNamed(daemon.docker, name)
    expect(await up.end()).toBe(0)
    expect((await containerNamed(daemon.docker, name))?.running).toBe(true)
    await home.up()
    await home.running(2)
    expect(await home.inside('cat ~/kept')).toBe('kept')
    expect((await containerNamed(daemon.docker, name))?.id).toBe(before?.id)

    // Removed by hand: seen, said, built anew.
    await daemon.docker.call('DELETE', `/containers/${name}`, { query: { force: 'true' } })
    const rebuilt = await home.running(3)
    expect(rebuilt.status.build.reason).toBe('MachineLost')
    expect(await home.inside('cat ~/kept')).toBe('kept')

    rmSync(join(home.folder, 'workspace.yaml'))
    await until('the workspace to be forgotten', async () => (await home.run(['get', 'workspace', 'dev'])).code === 3, {
      limitMs: 90_000,
      everyMs: 200,
    })
    expect(await existing(metadata.uid)).toEqual([0, 0, 0])
  })
})
