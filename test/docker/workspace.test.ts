import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { shortUid } from '../../controller/kernel/names.ts'
import { containerNamed, ofWorkspace } from '../../controller/machines/engine-objects.ts'
import { dockerMissing, startDocker, type Daemon } from '../support/docker.ts'
import { until } from '../support/until.ts'
import { dockerHome } from './home.ts'

/** The third example from outside, as a person: made, entered, changed, stopped, started, deleted. */

const missing = dockerMissing()

describe.skipIf(missing !== null)(`a workspace in a container${missing ? ` (skipped: ${missing})` : ''}`, () => {
  let daemon: Daemon
  beforeAll(async () => {
    daemon = await startDocker()
    await daemon.image('bothy-test')
  })
  afterAll(() => daemon.close())

  const existing = async (uid: string) => {
    const kinds = ['containers', 'volumes', 'networks'] as const
    return (await Promise.all(kinds.map((kind) => ofWorkspace(daemon.docker, kind, uid)))).map(({ length }) => length)
  }

  test('it lives as its files say', { timeout: 600_000 }, async () => {
    const home = dockerHome(daemon, 'bothy-test')
    await home.up()
    const { metadata } = await home.running(1)
    const name = `bothy-${shortUid(metadata.uid)}-main`
    const first = await containerNamed(daemon.docker, name)
    expect(first).toMatchObject({ running: true, memoryMb: 256 })
    expect(await home.inside('pwd; cat ~/welcome.txt; echo $BOTHY_WORKSPACE_NAME')).toBe(
      '/home/dev\nThis home stays when the workspace stops.\ndev',
    )
    expect(await home.inside('env; cat /proc/*/cmdline')).not.toMatch(/TOKEN=./)
    await home.inside('echo kept > ~/kept; echo gone > /var/cache/dev/gone')

    // A limit is changed under a session that goes on.
    const session = home.run([
      'exec',
      'dev',
      '--',
      'sh',
      '-c',
      'touch /tmp/begun; while [ ! -e /tmp/enough ]; do sleep 0.1; done; echo went on',
    ])
    await until('the session', () => home.inside('test -e /tmp/begun').then(() => true), { everyMs: 200 })
    home.set('memory', '128')
    await home.running(2)
    expect(await containerNamed(daemon.docker, name)).toMatchObject({ id: first?.id, memoryMb: 128 })
    await home.inside('touch /tmp/enough')
    expect(await session).toMatchObject({ code: 0, stdout: 'went on\n' })

    expect(await home.run(['stop', 'dev'])).toMatchObject({ code: 0 })
    expect(await existing(metadata.uid)).toEqual([0, 1, 0])
    expect(await home.run(['start', 'dev'])).toMatchObject({ code: 0 })
    await home.running(4)
    expect(await home.inside('cat ~/kept; ls /var/cache/dev')).toBe('kept')

    rmSync(join(home.folder, 'workspace.yaml'))
    await until('the workspace to be forgotten', async () => (await home.run(['get', 'workspace', 'dev'])).code === 3, {
      limitMs: 90_000,
      everyMs: 200,
    })
    expect(await existing(metadata.uid)).toEqual([0, 0, 0])
  })
})
