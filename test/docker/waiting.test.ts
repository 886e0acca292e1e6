import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ofWorkspace } from '../../controller/machines/engine-objects.ts'
import { dockerMissing, startDocker, type Daemon } from '../support/docker.ts'
import { until } from '../support/until.ts'
import { dockerHome } from './home.ts'

/** The third example while Docker is away, with an image that is not there, and as a user who is not root. */

const missing = dockerMissing()

describe.skipIf(missing !== null)(`a workspace that has to wait for its container${missing ? ` (skipped: ${missing})` : ''}`, () => {
  let daemon: Daemon
  beforeAll(async () => {
    daemon = await startDocker()
    await daemon.image('bothy-ada', { user: 'ada' })
  })
  afterAll(() => daemon.close())

  const existing = async (uid: string) => {
    const kinds = ['containers', 'volumes', 'networks'] as const
    return (await Promise.all(kinds.map((kind) => ofWorkspace(daemon.docker, kind, uid)))).map(({ length }) => length)
  }

  test('it waits for a daemon that is down, and says what a registry says', { timeout: 600_000 }, async () => {
    const home = dockerHome(daemon, 'bothy-ada')
    await daemon.stop()
    await home.up()
    const logged = async () => (await home.run(['logs', 'dev'])).stdout
    await until('the build to wait', async () => /Waiting for Docker: /.test(await logged()), { limitMs: 90_000, everyMs: 200 })
    await daemon.start()
    const { metadata } = await home.running(1)
    // Nobody in the container is root, and the home is writable all the same: a volume begins as the image has it.
    expect(await home.inside('id -u; cat ~/welcome.txt')).toBe('1815\nThis home stays when the workspace stops.')

    await home.inside('echo here > /tmp/still')
    home.set('image', '127.0.0.1:1/none')
    const failed = await until(
      'the wrong image to be said',
      async () => {
        const seen = await home.workspace()
        return seen.status.build.number === 2 && seen.status.build.phase === 'Failed' ? seen : null
      },
      { limitMs: 90_000, everyMs: 200 },
    )
    expect(failed.status.build.message).toMatch(/The image cannot be had: 127\.0\.0\.1:1\/none: .*refused/)
    expect(await logged()).toContain('Pulling 127.0.0.1:1/none.')
    // What ran before goes on: its container ends only when the other can be made.
    expect(await home.inside('cat /tmp/still')).toBe('here')

    rmSync(join(home.folder, 'workspace.yaml'))
    await until('the workspace to be forgotten', async () => (await home.run(['get', 'workspace', 'dev'])).code === 3, {
      limitMs: 90_000,
      everyMs: 200,
    })
    expect(await existing(metadata.uid)).toEqual([0, 0, 0])
  })
})
