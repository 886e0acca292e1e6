import { tmpdir } from 'node:os'
import { beforeAll, describe, expect, test } from 'vitest'
import { rootfs } from '../support/docker.ts'
import { noNode, theNode, type TestNode } from '../support/node.ts'
import { until } from '../support/until.ts'
import { IMAGE, podsHome } from './home.ts'

/** What goes wrong with real pods, and who is told. */

const MUSL = 'bothy.test/without-glibc:1'

describe.skipIf(noNode !== null)('pods in trouble', () => {
  let node: TestNode
  beforeAll(async () => {
    node = await theNode({
      images: [
        { name: IMAGE, layer: rootfs(tmpdir(), {}) },
        { name: MUSL, layer: rootfs(tmpdir(), { glibc: false }) },
      ],
    })
  }, 300_000)

  test('is said in the build and its log: no room, no such image, an image that cannot work, a quota', { timeout: 600_000 }, async () => {
    const home = await podsHome(node)
    const log = async () => (await home.run(['logs', 'dev'])).stdout
    home.set('image', 'nothing.invalid/nothing:1')
    await home.up()
    await home.failed(/The pod does not run: (ErrImagePull|ImagePullBackOff).*nothing\.invalid/s)
    // The next try has begun perhaps, and has not said as much yet.
    await until('its log to say so', async () => /Failed: .*nothing\.invalid/.test(await log()))
    await until('why to say so', async () => (await home.run(['why', 'workspace/dev'])).stdout.includes('ImagePullBackOff'))

    home.set('image', MUSL)
    await home.failed(/The pod does not run: CrashLoopBackOff.*: container bothy-program: ended with 1: .*glibc 2\.28/s)

    home.edit((text) => text.replace('cpu_request    = "100m"', 'cpu_request    = "1000"'))
    await home.failed(/The pod does not run: FailedScheduling.*: 0\/1 nodes are available: 1 Insufficient cpu/)
    await until('its log to say so', async () => (await log()).includes('FailedScheduling: 0/1 nodes are available'))

    const quota = { apiVersion: 'v1', kind: 'ResourceQuota', metadata: { name: 'few' }, spec: { hard: { pods: '0' } } }
    await node.kubectl(['create', '-f', '-'], { namespace: home.namespace, input: JSON.stringify(quota) })
    await until('the quota to be counted', async () => {
      const { stdout } = await node.kubectl(['get', 'resourcequota', 'few', '-o', 'jsonpath={.status.hard.pods}'], {
        namespace: home.namespace,
      })
      return stdout === '0'
    })
    home.edit((text) => text.replace('cpu_request    = "1000"', 'cpu_request    = "100m"'))
    await home.failed(/The cluster refused.*exceeded quota: few/s)

    // And with all of it mended it runs.
    await node.kubectl(['delete', 'resourcequota', 'few'], { namespace: home.namespace })
    home.set('image', IMAGE)
    await home.running()
    expect(await home.inside('echo well')).toBe('well')
  })
})
