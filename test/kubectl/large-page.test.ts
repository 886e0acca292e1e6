import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { connectKubernetes } from '../../controller/cluster/kubernetes-connection.ts'
import { openKubernetes } from '../../controller/cluster/kubernetes.ts'
import { systemClock } from '../../controller/kernel/clock.ts'
import { silentLog } from '../../controller/kernel/log.ts'
import { workspaceOf } from '../cluster/port.behaviour.ts'
import { root } from '../support/bothy.ts'
import { noOwnCluster } from '../support/cluster.ts'
import { openClusterHome, rightsOf, type ClusterHome } from './cluster-home.ts'

/** Anybody of a namespace may declare workspaces that are large: the page of that namespace is shown all the same. */

const COUNT = 75
/** Together more than the controller holds of an answer: 62 of them are not. */
const TEXT = 'x'.repeat(250_000)
const NAMES = Array.from({ length: COUNT }, (_, i) => `large-${100 + i}`)
const WORKSPACES = '/apis/bothy.dev/v1alpha1/namespaces/team/workspaces'

interface Listed {
  readonly metadata: { readonly continue?: string; readonly remainingItemCount?: number }
  readonly items: readonly { readonly metadata: { readonly name: string } }[]
}

const namesIn = ({ items }: Listed) => items.map(({ metadata }) => metadata.name)

describe.skipIf(noOwnCluster !== null)('the page of a namespace of large workspaces', () => {
  if (noOwnCluster !== null) return void test.skip(noOwnCluster)
  let home: ClusterHome
  let token: string

  beforeAll(async () => {
    home = await openClusterHome()
    await home.must('apply', '-f', join(root, 'deploy/base/people-roles.yaml'))
    await home.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'team' } })
    const ada = await home.person('ada', 'team')
    await home.apply(...rightsOf('ada', 'team', 'view', 'bothy-view'))
    const config = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'bothy', namespace: 'bothy-system' } }
    await home.apply({ ...config, data: { url: home.plane.url } })
    const connection = await connectKubernetes({ ...home.cluster, environment: {}, clock: systemClock, userAgent: 'bothy-test' })
    const { cluster, close } = await openKubernetes({ connection, clock: systemClock, log: silentLog })
    const names = NAMES.values()
    const write = async () => {
      for (const name of names) {
        const workspace = workspaceOf({ namespace: 'team', name, annotations: { TEXT } }, { power: 'Stopped' })
        await cluster.create(workspace, { manager: 'test', user: 'ada' })
      }
    }
    await Promise.all([write(), write(), write(), write()])
    await close()
    connection.close()
    const printed = (await ada.bothy(['open', '--print'])).stdout.trim()
    const { ticket } = Object.fromEntries(new URLSearchParams(new URL(printed).hash.slice(1)))
    const asked = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ ticket }) }
    const begun = await fetch(`${home.plane.url}/bothy/v1/session`, asked)
    token = ((await begun.json()) as { token: string }).token
  }, 600_000)

  const asked = async (query: string) => {
    const answer = await fetch(`${home.plane.url}${WORKSPACES}${query}`, { headers: { authorization: `Bearer ${token}` } })
    return { status: answer.status, body: (await answer.json()) as Listed }
  }

  test('has all of them, each once', async () => {
    const { status, body } = await asked('')
    expect([status, body]).toEqual([200, expect.objectContaining({ kind: 'WorkspaceList' })])
    expect(namesIn(body)).toEqual(NAMES)
    expect(body.metadata).not.toHaveProperty('continue')
    expect(JSON.stringify(body.items[0])).toContain(TEXT)
  })

  test('is cut shorter than it was asked to be, and goes on from there', async () => {
    const first = await asked('?limit=1000000000000')
    expect([first.status, first.body]).toEqual([200, expect.objectContaining({ kind: 'WorkspaceList' })])
    const { continue: next = '', remainingItemCount } = first.body.metadata
    expect([first.body.items.length, remainingItemCount]).toEqual([62, COUNT - 62])
    const rest = await asked(`?limit=500&continue=${encodeURIComponent(next)}`)
    expect([...namesIn(first.body), ...namesIn(rest.body)]).toEqual(NAMES)
    expect(rest.body.metadata).not.toHaveProperty('continue')
  })
})
