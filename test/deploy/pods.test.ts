import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { connectKubernetes, type KubernetesConnection } from '../../controller/cluster/kubernetes-connection.ts'
import { systemClock } from '../../controller/kernel/clock.ts'
import { silentLog } from '../../controller/kernel/log.ts'
import { claimsOf, podOf, secretOf, type PodNaming } from '../../controller/machines/pod-manifest.ts'
import type { PodPlace } from '../../controller/machines/pod-place.ts'
import { podMachines } from '../../controller/machines/pod.ts'
import { openPods } from '../../controller/pods.ts'
import type { PodWanted } from '../../provider/machine-ports.ts'
import { noOwnCluster, type OwnCluster } from '../support/cluster.ts'
import { deployedCluster, kubeconfigOf, must, PROVISIONER } from './deployed.ts'

/** What the provisioner makes of a workspace, with the rights of its role, where the restricted standard is enforced. */

const WANTED: PodWanted = {
  name: 'main',
  agentId: 'agent',
  image: 'registry.example.com/dev:1',
  namespace: null,
  command: [],
  args: [],
  env: { WORD: 'hello' },
  serviceAccount: null,
  requests: { cpu: '100m', memory: '128Mi' },
  limits: { cpu: null, memory: '256Mi' },
  storage: [
    { size: '1Gi', mount: '/home/dev', storageClass: null, ephemeral: false },
    { size: '1Gi', mount: '/scratch', storageClass: null, ephemeral: true },
  ],
  nodeSelector: {},
  tolerations: [],
  security: {
    runAsUser: 1000,
    runAsGroup: null,
    fsGroup: 1000,
    runAsNonRoot: true,
    readOnlyRoot: false,
    allowPrivilegeEscalation: false,
    privileged: false,
    addCapabilities: [],
    seccomp: 'RuntimeDefault',
  },
  labels: {},
  annotations: {},
  wait: false,
}
const NAMING: PodNaming = { workspace: { uid: '0b6ff1a8-2a5e-4f0e-9d3b-2f6c1f9f9a01', name: 'dev', owner: 'ada' }, buildId: '1' }
const NAMESPACE = 'bothy-workspaces'
const AUTHORITY = '-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n'
const PLACE: PodPlace = {
  namespace: NAMESPACE,
  namespaces: [],
  allowed: new Set(),
  programImage: null,
  url: 'https://bothy.example.com',
  authority: null,
  pullSecrets: [],
}

const refusedWith = (error: unknown) => JSON.stringify(error) + String(error)

describe.skipIf(noOwnCluster !== null)(`pods of workspaces${noOwnCluster ? ` (${noOwnCluster})` : ''}`, () => {
  let cluster: OwnCluster
  let connection: KubernetesConnection
  beforeAll(async () => {
    const home = mkdtempSync(join(tmpdir(), 'bothy-pods-'))
    cluster = await deployedCluster()
    await must(cluster, ['-n', NAMESPACE, 'wait', '--for=create', 'serviceaccount/default', '--timeout=180s'])
    const kubeconfig = await kubeconfigOf(cluster, PROVISIONER, home)
    connection = await connectKubernetes({ kubeconfig, environment: {}, clock: systemClock, userAgent: 'test' })
    return async () => {
      connection.close()
      await cluster.kill()
      rmSync(home, { recursive: true, force: true })
    }
  })

  test.each([null, 'bothy:0.1.0'])('are made, found, told of and removed; the agent comes from %s', async (programImage) => {
    const pods = openPods({ connection, clock: systemClock, say: () => {} })
    const place: PodPlace = { ...PLACE, programImage, authority: AUTHORITY, pullSecrets: ['registry'] }
    const made = [
      secretOf(WANTED, NAMING, NAMESPACE, { token: 'token', authority: AUTHORITY }),
      ...claimsOf(WANTED, NAMING, NAMESPACE),
      podOf(WANTED, NAMING, NAMESPACE, place),
    ]
    expect(made).toHaveLength(3)
    for (const object of made) {
      const applied = await pods.apply(object)
      expect((await pods.get(object.kind, NAMESPACE, object.metadata.name))?.metadata.uid).toBe(applied.metadata.uid)
      expect(await pods.list(object.kind, NAMESPACE, { 'bothy.dev/workspace': NAMING.workspace.uid })).toHaveLength(1)
      expect(await pods.events(NAMESPACE, applied.metadata.uid ?? '')).toEqual([])
    }
    const pod = JSON.parse(await must(cluster, ['-n', NAMESPACE, 'get', 'pods', '-o', 'json'])) as { items: { spec: object }[] }
    // No token of the API server is in it.
    expect(JSON.stringify(pod.items)).not.toContain('kube-api-access')
    for (const kind of ['Pod', 'Secret', 'PersistentVolumeClaim'] as const)
      for (const each of await pods.list(kind, NAMESPACE, { 'bothy.dev/workspace': NAMING.workspace.uid })) await pods.remove(each)
    await must(cluster, ['-n', NAMESPACE, 'wait', '--for=delete', 'pods', '--all', '--timeout=180s'])
  })

  test('are adopted where the operator has named other logins of registries since, or none', async () => {
    const pods = openPods({ connection, clock: systemClock, say: () => {} })
    const uidWith = async (...pullSecrets: string[]) => {
      const place = { ...PLACE, pullSecrets }
      const machines = podMachines({
        pods,
        place,
        naming: NAMING,
        clock: systemClock,
        log: silentLog,
        say: () => {},
        tokenOf: () => 'token',
      })
      await machines.create(WANTED, new AbortController().signal)
      const [pod] = await pods.list('Pod', NAMESPACE, { 'bothy.dev/workspace': NAMING.workspace.uid })
      return pod?.metadata.uid
    }
    const first = await uidWith('registry')
    expect([await uidWith('another', 'registry'), await uidWith()]).toEqual([first, first])
    for (const kind of ['Pod', 'Secret', 'PersistentVolumeClaim'] as const)
      for (const each of await pods.list(kind, NAMESPACE, { 'bothy.dev/workspace': NAMING.workspace.uid })) await pods.remove(each)
    await must(cluster, ['-n', NAMESPACE, 'wait', '--for=delete', 'pods', '--all', '--timeout=180s'])
  })

  test('are not made elsewhere, and not with more than the restricted standard', async () => {
    const pods = openPods({ connection, clock: systemClock, say: () => {} })
    const elsewhere = await pods.apply(podOf(WANTED, NAMING, 'bothy-system', PLACE)).catch(refusedWith)
    expect(elsewhere).toMatch(/cannot patch resource/)
    const asRoot = { ...WANTED, security: { ...WANTED.security, runAsUser: 0, runAsNonRoot: false } }
    expect(await pods.apply(podOf(asRoot, NAMING, NAMESPACE, PLACE)).catch(refusedWith)).toMatch(/violates PodSecurity/)
  })
})
