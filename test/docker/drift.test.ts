import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { shortUid } from '../../controller/kernel/names.ts'
import { dockerMissing, startDocker, type Daemon } from '../support/docker.ts'
import { until } from '../support/until.ts'
import { dockerHome, type DockerHome } from './home.ts'

/** Somebody changes a container by hand: it is found, told, and put right where the template says so. */

const missing = dockerMissing()
const MIB = 1024 * 1024

function drift(home: DockerHome, policy: 'Report' | 'Correct'): void {
  const file = join(home.folder, 'template.yaml')
  const text = readFileSync(file, 'utf8').replace(/^ {2}drift:.*\n/m, '')
  writeFileSync(file, text.replace('spec:\n', `spec:\n  drift: {interval: 10s, policy: ${policy}}\n`))
}

describe.skipIf(missing !== null)(`a container that somebody changed${missing ? ` (skipped: ${missing})` : ''}`, () => {
  let daemon: Daemon
  beforeAll(async () => {
    daemon = await startDocker()
    await daemon.image('bothy-test')
  })
  afterAll(() => daemon.close())

  test('is told of, and put right when the template says Correct', async () => {
    const home = dockerHome(daemon, 'bothy-test')
    drift(home, 'Report')
    await home.up()
    const { metadata } = await home.running(1)
    const name = `bothy-${shortUid(metadata.uid)}-main`
    const memory = async () => {
      const { json } = await daemon.docker.call('GET', `/containers/${name}/json`)
      return (json as { HostConfig: { Memory: number } }).HostConfig.Memory / MIB
    }
    expect(await memory()).toBe(256)
    await daemon.docker.call('POST', `/containers/${name}/update`, { body: { Memory: 200 * MIB } })

    const drifted = async () => (await home.workspace()).status.conditions.find(({ type }) => type === 'Drifted') ?? null
    expect(await until('the drift to be seen', drifted, { everyMs: 200 })).toMatchObject({
      status: 'True',
      message: "Changed behind Terraform's back: bothy_container.main[0].",
    })
    // Reported, and left: it is as wanted all the same.
    const reported = await home.workspace()
    expect(reported.status.build.number).toBe(1)
    expect(reported.status.conditions.find(({ type }) => type === 'Ready')).toMatchObject({ status: 'True' })
    expect((await home.run(['events', 'workspace/dev'])).stdout).toContain('Drifted')

    drift(home, 'Correct')
    const corrected = await home.running(2)
    expect(corrected.status.build.reason).toBe('Drifted')
    expect(await memory()).toBe(256)
    expect(await drifted()).toBeNull()
  })
})
