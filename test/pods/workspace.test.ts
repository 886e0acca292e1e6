import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { systemClock } from '../../controller/kernel/clock.ts'
import { platformHere } from '../../controller/program/platform.ts'
import { agentProgram } from '../../controller/program/program.ts'
import { rootfs } from '../support/docker.ts'
import { noNode, theNode, type TestNode } from '../support/node.ts'
import { until } from '../support/until.ts'
import { IMAGE, podsHome } from './home.ts'

/** The fifth example from outside, as a person: made, entered, changed, stopped, started, deleted, in real pods. */

const PROGRAM = 'bothy.test/program:1'

/** As the image of deploy has it: the program's folder beside a shell. */
async function withProgram(): Promise<Buffer> {
  const folder = mkdtempSync(join(tmpdir(), 'bothy-program-image-'))
  try {
    const { folder: program } = await agentProgram({ stateDir: join(folder, 'state'), clock: systemClock, ...platformHere() })
    mkdirSync(join(folder, 'root'))
    execFileSync('tar', ['-C', join(folder, 'root'), '-xf', '-'], { input: rootfs(tmpdir(), {}) })
    cpSync(program, join(folder, 'root', 'bothy-agent'), { recursive: true, dereference: true })
    return execFileSync('tar', ['-C', join(folder, 'root'), '-c', '.'], { maxBuffer: LAYER_BYTES_MAX })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const LAYER_BYTES_MAX = 1024 * 1024 * 1024

describe.skipIf(noNode !== null)('a workspace in a pod', () => {
  let node: TestNode
  beforeAll(async () => {
    const images = [
      { name: IMAGE, layer: rootfs(tmpdir(), {}) },
      { name: PROGRAM, layer: await withProgram() },
    ]
    node = await theNode({ images })
  }, 300_000)

  test('it lives as its files say', { timeout: 400_000 }, async () => {
    const home = await podsHome(node)
    await home.up()
    const { metadata } = await home.running(1)
    const [pod] = await home.objects('pods')
    expect(pod?.metadata.labels).toMatchObject({ 'bothy.dev/workspace': metadata.uid, 'bothy.dev/machine': 'main' })
    expect(await home.inside('id -u; hostname; cat ~/welcome.txt; echo $BOTHY_WORKSPACE_NAME')).toBe(
      `1000\n${pod?.metadata.name}\nThis home stays when the workspace stops.\ndev`,
    )
    expect(JSON.stringify(pod)).not.toMatch(/TOKEN",\s*"value"/)
    await home.inside('echo kept > ~/kept; echo gone > /tmp/gone')

    expect(await home.run(['stop', 'dev'])).toMatchObject({ code: 0 })
    expect([await home.objects('pods,secrets'), (await home.objects('persistentvolumeclaims')).length]).toEqual([[], 1])
    expect(await home.run(['start', 'dev'])).toMatchObject({ code: 0 })
    await home.running(3)
    expect(await home.inside('cat ~/kept; ls /tmp/gone 2>&1 || true')).toMatch(/^kept\n.*No such file/)

    rmSync(join(home.folder, 'workspace.yaml'))
    await until('everything of it to go', async () => (await home.objects('pods,secrets,persistentvolumeclaims')).length === 0, {
      limitMs: 150_000,
      everyMs: 200,
    })
  })

  test('has its agent from an image, where there is one', { timeout: 400_000 }, async () => {
    const home = await podsHome(node, { BOTHY_POD_PROGRAM_IMAGE: PROGRAM })
    await home.up()
    await home.running(1)
    const [pod] = await home.objects('pods')
    expect(pod?.spec).toMatchObject({ initContainers: [{ name: 'bothy-program', image: PROGRAM }] })
    expect(await home.inside('ls /opt/bothy/bothy-agent')).toBe('/opt/bothy/bothy-agent')
  })
})
