import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { noOwnCluster, ownCluster, type OwnCluster } from '../support/cluster.ts'
import { withDatabase } from '../support/postgres.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { until } from '../support/until.ts'
import { openWorld, type World } from './world.ts'

/** A controller that runs outside of its cluster says in it where it is: the command line looks there. */

interface Address {
  readonly metadata: { readonly annotations?: Readonly<Record<string, string>> }
  readonly data: Readonly<Record<string, string>>
}

describe.skipIf(noOwnCluster !== null)('where a controller outside of its cluster is', () => {
  let cluster: OwnCluster
  let world: World
  beforeAll(async () => {
    cluster = await ownCluster()
    world = openWorld(cluster, (await withDatabase()).url)
  }, 120_000)

  const address = async (): Promise<Address | null> => {
    const { code, stdout } = await cluster.kubectl(['-n', 'bothy-system', 'get', 'configmap', 'bothy', '-o', 'json'])
    return code === 0 ? (JSON.parse(stdout) as Address) : null
  }
  const published = (url: string) => until(`${url} to be published`, async () => (await address())?.data['url'] === url)
  const declare = (data: object) =>
    cluster.kubectl(['apply', '-f', '-'], {
      input: JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'bothy', namespace: 'bothy-system' }, data }),
    })

  test('is that of the one which reconciles, in turn, and of nobody when all have ended', { timeout: 180_000 }, async () => {
    const first = await world.controller('first')
    await published(first.url)
    const second = await world.controller('second')
    await first.end()
    await published(second.url)
    const third = await world.controller('third')
    // What is killed takes nothing back, and the next one says something else.
    await second.end('SIGKILL')
    await published(third.url)
    await third.end()
    expect(await address()).toBeNull()
  })

  test('is left alone where somebody declared it', { timeout: 120_000 }, async () => {
    await declare({ url: 'https://bothy.example.com' })
    const plane = await world.controller('guest')
    await until('it to say so', () => plane.log().includes('the cluster has an address of the control plane already'))
    await plane.end()
    expect((await address())?.data).toEqual({ url: 'https://bothy.example.com' })
    await cluster.kubectl(['-n', 'bothy-system', 'delete', 'configmap', 'bothy'])
  })

  test('is left alone where somebody declared it over what was said', { timeout: 120_000 }, async () => {
    const said = await world.controller('said')
    await published(said.url)
    await declare({ url: 'https://bothy.example.com', 'ca.crt': 'theirs' })
    await said.end()
    const declared = { url: 'https://bothy.example.com', 'ca.crt': 'theirs' }
    expect((await address())?.data).toEqual(declared)
    const guest = await world.controller('guest')
    await until('it to say so', () => guest.log().includes('the cluster has an address of the control plane already'))
    await guest.end()
    expect((await address())?.data).toEqual(declared)
    await cluster.kubectl(['-n', 'bothy-system', 'delete', 'configmap', 'bothy'])
  })

  test('is not said by who may not, and they are told how it is done by hand', { timeout: 120_000 }, async () => {
    const as = { apiVersion: 'rbac.authorization.k8s.io/v1', metadata: { name: 'reads' } }
    const reading = { ...as, kind: 'ClusterRole', rules: [{ apiGroups: ['*'], resources: ['*'], verbs: ['get', 'list', 'watch'] }] }
    const subjects = [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'reader' }]
    const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'reads' }
    const input = [reading, { ...as, kind: 'ClusterRoleBinding', roleRef, subjects }].map((each) => JSON.stringify(each)).join('\n')
    expect(await cluster.kubectl(['apply', '-f', '-'], { input })).toMatchObject({ code: 0 })
    const plane = await world.controller('reader', '--kubeconfig', await kubeconfigAs('reader'))
    await until('it to say so', () => plane.log().includes('it may not say in the cluster where it is'))
    expect(plane.log()).toContain(`create configmap bothy --from-literal=url=${plane.url}`)
    expect(await address()).toBeNull()
    await plane.end()
  })

  /** The same cluster, as somebody else. */
  const kubeconfigAs = async (user: string): Promise<string> => {
    const view = await cluster.kubectl(['config', 'view', '--raw', '-o', 'json'])
    const known = JSON.parse(view.stdout) as { users: { name: string; user: object }[] }
    const users = known.users.map((each) => ({ name: each.name, user: Object.assign(each.user, { as: user }) }))
    const file = join(temporaryFolder(), 'kubeconfig')
    writeFileSync(file, JSON.stringify({ ...known, users }))
    return file
  }
})
