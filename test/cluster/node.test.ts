import { readdirSync, readFileSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import { describe, expect, test } from 'vitest'
import { noNode, theNode } from '../support/node.ts'
import { rootfs } from '../support/docker.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { until } from '../support/until.ts'

const SYSCTLS = ['vm/overcommit_memory', 'kernel/panic', 'kernel/panic_on_oops'] as const
const settings = () => SYSCTLS.map((name) => readFileSync(`/proc/sys/${name}`, 'utf8'))
const groups = () => readdirSync('/sys/fs/cgroup/memory')
/** Other tests may have nodes at the same time: each by its own address. */
const cableOf = (host: string) =>
  Object.entries(networkInterfaces()).find(([, addresses]) => addresses?.some(({ address }) => address === host))?.[0] ?? ''

describe.skipIf(noNode !== null)('a node', () => {
  test('runs pods, and leaves nothing', { timeout: 120_000 }, async () => {
    const before = settings()
    const shell = { name: 'bothy.test/shell:1', layer: rootfs(temporaryFolder(), { glibc: false }) }
    const node = await theNode({ images: [shell] })
    const namespace = await node.namespace()
    const ask = (...args: string[]) => node.kubectl(args, { namespace })
    expect(await ask('run', 'one', `--image=${shell.name}`, '--image-pull-policy=Never', '--', '/bin/sleep', '1000')).toMatchObject({
      code: 0,
    })
    expect(await ask('wait', '--for=condition=Ready', 'pod/one', '--timeout=60s')).toMatchObject({ code: 0 })
    expect(await ask('exec', 'one', '--', 'hostname')).toMatchObject({ stdout: 'one\n', stderr: '' })
    expect((await ask('logs', 'one')).code).toBe(0)
    const cable = cableOf(node.host)
    const group = cable.replace('bothy-', 'bothy-node-')
    expect([cable, groups()]).toEqual([expect.stringMatching(/^bothy-\w+$/), expect.arrayContaining([group])])
    await node.close()
    // The kernel takes networks and groups away in its own time.
    await until('the cable and its group to be gone', () => cableOf(node.host) === '' && !groups().includes(group))
    expect(settings()).toEqual(before)
  })
})
