import { readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { killQuietly } from '../support/bothy.ts'
import { rootfs } from '../support/docker.ts'
import { noNode, theNode, type TestNode } from '../support/node.ts'
import { until } from '../support/until.ts'
import { IMAGE, podsHome, type PodsHome } from './home.ts'

/** Real pods, while programs are killed and people do things by hand. */

const only = async (home: PodsHome) => {
  const pods = await home.objects('pods')
  expect(pods).toHaveLength(1)
  return pods[0]
}

function drift(home: PodsHome): void {
  const file = join(home.folder, 'template.yaml')
  writeFileSync(file, readFileSync(file, 'utf8').replace('spec:\n', 'spec:\n  drift: {interval: 10s, policy: Report}\n'))
}

describe.skipIf(noNode !== null)('a pod', () => {
  let node: TestNode
  beforeAll(async () => {
    node = await theNode({ images: [{ name: IMAGE, layer: rootfs(tmpdir(), {}) }] })
  }, 300_000)

  test('of a provisioner that was killed is found again, and goes on', { timeout: 400_000 }, async () => {
    const home = await podsHome(node)
    // The build is not done before it may run somewhere.
    expect(await node.kubectl(['cordon', '-l', 'kubernetes.io/hostname'])).toMatchObject({ code: 0 })
    await home.up()
    await until('the pod to be made', async () => (await home.objects('pods')).length > 0, { limitMs: 150_000 })
    const made = await only(home)
    for (const { pid, command } of home.processes()) if (command.includes('main.ts provisioner')) killQuietly(pid)
    expect(await node.kubectl(['uncordon', '-l', 'kubernetes.io/hostname'])).toMatchObject({ code: 0 })
    await home.running(2)
    expect((await only(home))?.metadata.uid).toBe(made?.metadata.uid)
    expect(await home.inside('echo here')).toBe('here')

    // Also when the whole control plane goes: what runs in the cluster is no child of anybody.
    await home.restart()
    await home.running(2)
    expect((await only(home))?.metadata.uid).toBe(made?.metadata.uid)
    expect(await home.inside('echo still here')).toBe('still here')
  })

  test('that somebody changed or deleted is noticed, and its home is not lost', { timeout: 400_000 }, async () => {
    const home = await podsHome(node)
    drift(home)
    home.edit((text) => text.replace('  memory_limit ', '  labels = { team = "blue" }\n  memory_limit '))
    await home.up()
    await home.running(1)
    await home.inside('echo kept > ~/kept')
    const made = await only(home)
    const change = ['label', 'pod', made?.metadata.name ?? '', 'team=red', '--overwrite']
    expect(await node.kubectl(change, { namespace: home.namespace })).toMatchObject({ code: 0 })
    const drifted = async () => (await home.workspace()).status.conditions?.find(({ type }) => type === 'Drifted') ?? null
    expect(await until('the drift to be seen', drifted, { limitMs: 150_000, everyMs: 200 })).toMatchObject({
      status: 'True',
      message: "Changed behind Terraform's back: bothy_pod.main[0].",
    })

    await node.kubectl(['delete', 'pod', made?.metadata.name ?? ''], { namespace: home.namespace })
    const again = await home.running(2)
    expect(again.status.build?.reason).toBe('MachineLost')
    expect((await only(home))?.metadata.uid).not.toBe(made?.metadata.uid)
    expect(await home.inside('cat ~/kept')).toBe('kept')
  })

  test('is made although the API server was away for a while', { timeout: 400_000 }, async () => {
    const home = await podsHome(node)
    await node.kill()
    await home.up()
    await until('the build to wait', async () => (await home.run(['logs', 'dev'])).stdout.includes('Waiting for the cluster'), {
      limitMs: 150_000,
      everyMs: 200,
    })
    await node.start()
    await home.running(1)
    expect(await home.inside('echo well')).toBe('well')
  })
})
