import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, describe, test } from 'vitest'
import { parse, stringify } from 'yaml'
import { endsWithFile, noOwnCluster, ownCluster, type OwnCluster } from '../support/cluster.ts'
import { freePort } from '../support/ports.ts'
import { withDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'
import { asList, configMap, objects, BARE_TEXT } from './objects.ts'
import { openWorld } from './world.ts'

/** A control plane that may not read all of what is declared: what it lacks is not gone. */

const READS = ['get', 'list', 'watch']
const role = (name: string, resources: readonly string[], verbs: readonly string[] = READS, group = 'bothy.dev') => [
  {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRole',
    metadata: { name },
    rules: [{ apiGroups: [group], resources, verbs }],
  },
  {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRoleBinding',
    metadata: { name },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name },
    subjects: [{ kind: 'ServiceAccount', name: 'default', namespace: 'default' }],
  },
]

describe.skipIf(noOwnCluster !== null)('a control plane that may not read everything', async () => {
  if (noOwnCluster !== null) return void test.skip(noOwnCluster)
  const { db, url } = await withDatabase()
  const cluster = await ownCluster({ manager: true })
  const home = mkdtempSync(join(tmpdir(), 'bothy-blind-'))
  endsWithFile(async () => rmSync(home, { recursive: true, force: true }))

  const done = async (...args: Parameters<OwnCluster['kubectl']>): Promise<string> => {
    const { code, stdout, stderr } = await cluster.kubectl(...args)
    expect(code, stderr).toBe(0)
    return stdout
  }
  const apply = (...given: readonly object[]) => done(['apply', '-f', '-'], { input: asList(...given) })

  const kubeconfigWith = (token: string): string => {
    const config = parse(readFileSync(cluster.kubeconfig, 'utf8')) as { users: { name: string }[] }
    const file = join(home, 'kubeconfig')
    writeFileSync(file, stringify({ ...config, users: config.users.map(({ name }) => ({ name, user: { token } })) }), { mode: 0o600 })
    return file
  }

  test('one whose credentials are not taken ends, and says so', async () => {
    const world = openWorld({ ...cluster, kubeconfig: kubeconfigWith('of-nobody') } as OwnCluster, url)
    await expect(world.controller('nobody')).rejects.toThrow(/does not take the credentials of context [^]*log in again/)
  })

  test('it neither leads nor is ready until it has read what there is', async () => {
    const namespace = await cluster.namespace('blind')
    const { bare, fromConfigMap, workspace } = objects(namespace)
    await apply(bare, configMap(namespace, 'files', BARE_TEXT), fromConfigMap('files'), workspace('dev'))
    await apply(
      ...role('writes', ['workspaces', 'templates', 'workspaces/status', 'templates/status'], ['patch']),
      ...role('reads', ['workspaces', 'workspacerequests', 'owners']),
    )
    const token = (await done(['create', 'token', 'default'], { namespace: 'default' })).trim()
    const kubeconfig = kubeconfigWith(token)
    const port = await freePort()
    const world = openWorld({ ...cluster, kubeconfig } as OwnCluster, url)
    const starting = world.controller('blind', '--port', String(port), '--with-provisioner')
    starting.catch(() => {})
    const told = await until('it to say what it lacks', async () => {
      const answer = await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => null)
      const text = (await answer?.text()) ?? ''
      return text.includes('not ready: cluster') ? { status: answer?.status, text } : null
    })
    expect(told.status).toBe(503)
    expect(await db.query('select 1 from leases')).toEqual([])
    expect(await done(['get', 'ws/dev', '-o', 'jsonpath={.status.conditions}'], { namespace })).toBe('')

    // Only the ConfigMap that a template names stays out of reach: that is that template's trouble, and nobody else's.
    await apply(...role('reads-templates', ['templates']))
    const plane = await starting
    expect(plane.log()).toContain('could not be read yet')
    await done(['wait', '--for=condition=Running', 'ws/dev', '--timeout=60s'], { namespace })
    expect((await fetch(`http://127.0.0.1:${port}/readyz`)).status).toBe(200)
    expect(await plane.end()).toBe(0)
  })
})
