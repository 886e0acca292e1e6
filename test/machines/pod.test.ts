import { expect, test } from 'vitest'
import { systemClock } from '../../controller/kernel/clock.ts'
import { silentLog } from '../../controller/kernel/log.ts'
import { podMachines } from '../../controller/machines/pod.ts'
import { claimsOf, inputsOf, podOf, secretOf } from '../../controller/machines/pod-manifest.ts'
import { refusedOf, type PodPlace } from '../../controller/machines/pod-place.ts'
import { progressOf } from '../../controller/machines/pod-progress.ts'
import type { PodWanted } from '../../provider/machine-ports.ts'
import { podsInMemory, RUNNING } from './pods.ts'

/** The logic of pods: what is asked of a cluster. The cluster is in memory here; real ones belong to the tests on Kubernetes. */

const UID = '0b6a6f3c-30a8-4a3c-9a57-1d8a6f1f0c11'
const NAME = 'bothy-0b6a6f3c-main'
const naming = { workspace: { uid: UID, name: 'dev', owner: 'ada@example.com' }, buildId: '7' }
const place: PodPlace = {
  namespace: 'workspaces',
  namespaces: ['workspaces', 'others'],
  allowed: new Set(),
  programImage: 'bothy:1',
  url: 'https://bothy.example.com',
  authority: null,
  pullSecrets: [],
}
const never = new AbortController().signal

const wanted = (more: Partial<PodWanted> = {}): PodWanted => ({
  name: 'main',
  agentId: 'agent-1',
  image: 'debian',
  namespace: null,
  command: [],
  args: [],
  env: { COLOUR: 'green' },
  serviceAccount: null,
  requests: { cpu: '100m', memory: null },
  limits: { cpu: null, memory: '1Gi' },
  storage: [
    { size: '10Gi', mount: '/home/dev', storageClass: 'fast', ephemeral: false },
    { size: '1Gi', mount: '/scratch', storageClass: null, ephemeral: true },
    { size: '5Gi', mount: '/cache', storageClass: 'fast', ephemeral: true },
  ],
  nodeSelector: { disk: 'ssd' },
  tolerations: [{ key: 'team', operator: 'Equal', value: 'blue', effect: 'NoSchedule', seconds: null }],
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
  labels: { team: 'blue' },
  annotations: { note: 'mine' },
  wait: true,
  ...more,
})

/** Time that passes when somebody waits for it. */
const ownClock = () => {
  let elapsed = 0
  return { ...systemClock, elapsedMs: () => elapsed, sleep: async (ms: number) => void (elapsed += ms) }
}

const world = (pods = podsInMemory(), said: string[] = []) => ({
  pods,
  said,
  machines: podMachines({
    pods,
    place,
    naming,
    clock: ownClock(),
    log: silentLog,
    say: (line) => void said.push(line),
    tokenOf: (id) => (id === 'agent-1' ? 'a-secret' : null),
  }),
})

const refusal = (work: Promise<unknown>) => work.then(() => 'nothing was refused', String)

test('a pod is as the restricted standard asks, unless a template says otherwise and may', () => {
  const { spec = {}, metadata } = podOf(wanted(), naming, 'workspaces', place)
  const containers = [...(spec['initContainers'] as object[]), ...(spec['containers'] as object[])]
  expect(metadata).toMatchObject({ name: NAME, labels: { team: 'blue', 'bothy.dev/workspace': UID } })
  // Names of people are no values of labels.
  expect([metadata.labels?.['bothy.dev/owner'], metadata.annotations?.['bothy.dev/owner']]).toEqual([undefined, 'ada@example.com'])
  expect(spec).toMatchObject({
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    securityContext: { runAsNonRoot: true, runAsUser: 1000, fsGroup: 1000, seccompProfile: { type: 'RuntimeDefault' } },
    nodeSelector: { disk: 'ssd' },
    tolerations: [{ key: 'team', operator: 'Equal', value: 'blue', effect: 'NoSchedule' }],
  })
  for (const container of containers)
    expect(container).toMatchObject({ securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } } })
  expect(JSON.stringify(spec)).not.toMatch(/hostPath|hostNetwork|hostPID|"privileged"/)
  expect(spec['containers']).toMatchObject([
    {
      name: 'main',
      image: 'debian',
      command: ['/opt/bothy/bothy-agent'],
      resources: { requests: { cpu: '100m' }, limits: { memory: '1Gi' } },
    },
  ])
})

test('what stays is a claim of its own; what goes with the pod is part of it', () => {
  const claims = claimsOf(wanted(), naming, 'workspaces')
  expect(claims).toMatchObject([
    { kind: 'PersistentVolumeClaim', spec: { storageClassName: 'fast', resources: { requests: { storage: '10Gi' } } } },
  ])
  const volumes = podOf(wanted(), naming, 'workspaces', place).spec?.['volumes'] as readonly Readonly<Record<string, unknown>>[]
  expect(volumes.map((volume) => Object.keys(volume).find((key) => key !== 'name'))).toEqual([
    'emptyDir',
    'secret',
    'persistentVolumeClaim',
    'emptyDir',
    'ephemeral',
  ])
  expect(volumes[2]).toMatchObject({ persistentVolumeClaim: { claimName: claims[0]?.metadata.name } })
})

test('the token is in a secret, and nowhere in the pod', async () => {
  const { pods, machines } = world()
  await machines.create(wanted(), never)
  const secret = pods.objects.get(`Secret workspaces/${NAME}-token`)
  expect(secret).toMatchObject({ data: { token: Buffer.from('a-secret\n').toString('base64') } })
  expect(JSON.stringify(pods.objects.get(`Pod workspaces/${NAME}`))).not.toContain('a-secret')
  expect(await refusal(machines.create(wanted({ agentId: 'other' }), never))).toContain('not one of this build')
})

test('what a template may not have is refused, each with the word that allows it', () => {
  const { security } = wanted()
  const refused = (more: Partial<PodWanted>, allowed: readonly string[] = []) =>
    refusedOf(wanted(more), { ...place, allowed: new Set(allowed) }).map(({ path, detail }) => `${path[0]}: ${detail}`)
  expect(refused({})).toEqual([])
  expect(refused({ namespace: 'others' })).toEqual([])
  expect(refused({ namespace: 'kube-system' })[0]).toContain('namespace: Templates may use')
  expect(refused({ serviceAccount: 'admin' })[0]).toContain('BOTHY_POD_ALLOW=service-account')
  expect(refused({ security: { ...security, runAsNonRoot: false } })[0]).toContain('BOTHY_POD_ALLOW=root')
  expect(refused({ security: { ...security, runAsUser: 0 } })).toHaveLength(1)
  for (const more of [
    { privileged: true },
    { allowPrivilegeEscalation: true },
    { addCapabilities: ['NET_ADMIN'] },
    { seccomp: 'Unconfined' },
  ]) {
    expect(refused({ security: { ...security, ...more } })[0]).toContain('BOTHY_POD_ALLOW=privileged')
    expect(refused({ security: { ...security, ...more } }, ['privileged'])).toEqual([])
  }
})

test('one that is ours and made of the same is adopted; labels change in place; anything else is another pod', async () => {
  const { pods, machines } = world()
  const first = await machines.create(wanted(), never)
  expect(first).toMatchObject({ pod: NAME, namespace: 'workspaces', node: 'node-1', image: 'debian', labels: { team: 'blue' } })
  const uid = pods.objects.get(`Pod workspaces/${NAME}`)?.metadata.uid
  const relabelled = await machines.update(wanted({ labels: { team: 'red' } }), never)
  expect(relabelled.labels).toEqual({ team: 'red' })
  expect(pods.objects.get(`Pod workspaces/${NAME}`)?.metadata.uid).toBe(uid)
  await machines.create(wanted({ env: {} }), never)
  expect(pods.objects.get(`Pod workspaces/${NAME}`)?.metadata.uid).not.toBe(uid)
  expect(pods.done.filter((line) => line.startsWith('remove'))).toEqual([`remove Pod workspaces/${NAME}`])
})

test('a pod of somebody else is left alone', async () => {
  const { pods, machines } = world()
  await pods.apply({ apiVersion: 'v1', kind: 'Pod', metadata: { name: NAME, namespace: 'workspaces' } })
  expect(await refusal(machines.create(wanted(), never))).toContain('that is not this workspace')
  expect(await machines.observe('main', never)).toBeNull()
  await machines.destroy('main')
  await machines.forget()
  expect(pods.objects.size).toBe(1)
})

test('one that has ended or is being deleted is gone, and what somebody else added is not drift', async () => {
  const { pods, machines } = world()
  await machines.create(wanted(), never)
  const key = `Pod workspaces/${NAME}`
  const pod = pods.objects.get(key)
  if (!pod) throw new Error('no pod')
  const put = (metadata: object, status: Readonly<Record<string, unknown>> = RUNNING) =>
    pods.objects.set(key, { ...pod, metadata: { ...pod.metadata, ...metadata }, status })
  put({ labels: { ...pod.metadata.labels, 'injected.example.com/by': 'a webhook', team: 'green' } })
  expect((await machines.observe('main', never))?.labels).toEqual({ team: 'green' })
  put({}, { phase: 'Failed', reason: 'Evicted' })
  expect(await machines.observe('main', never)).toBeNull()
  put({ deletionTimestamp: '2026-11-21T08:00:00Z' })
  expect(await machines.observe('main', never)).toBeNull()
})

test('a stop keeps the claims, and the end of the workspace takes all of it, in every namespace', async () => {
  const { pods, machines } = world()
  await machines.create(wanted(), never)
  await machines.create(wanted({ name: 'two', namespace: 'others' }), never)
  await machines.destroy('main')
  await machines.destroy('two')
  expect([...pods.objects.values()].map(({ kind }) => kind)).toEqual(['PersistentVolumeClaim', 'PersistentVolumeClaim'])
  await machines.forget()
  expect(pods.objects.size).toBe(0)
})

test('a workspace has gone when the cluster has let go of its volumes', async () => {
  const { pods, machines } = world()
  await machines.create(wanted(), never)
  const claims = [...pods.objects.values()].filter(({ kind }) => kind === 'PersistentVolumeClaim')
  expect(claims).not.toEqual([])
  const get = pods.get
  let looks = 0
  // Each is still shown twice after it was asked to go, as something that is being deleted.
  pods.get = async (kind, namespace, name) => {
    const claim = claims.find(({ metadata }) => kind === 'PersistentVolumeClaim' && metadata.name === name)
    return claim && (looks += 1) <= 2 * claims.length ? claim : get(kind, namespace, name)
  }
  await machines.forget()
  expect(looks).toBeGreaterThan(2 * claims.length)
  expect(pods.objects.size).toBe(0)
})

test('a build that waits says what the cluster says, and ends when waiting does not help', async () => {
  const { pods, machines, said } = world()
  pods.status = () => ({ phase: 'Pending', conditions: [{ type: 'PodScheduled', status: 'False' }] })
  pods.says = [{ uid: '1', type: 'Warning', reason: 'FailedScheduling', message: '0/3 nodes are available: insufficient memory' }]
  expect(await refusal(machines.create(wanted(), never))).toContain('The pod does not run: FailedScheduling: 0/3 nodes')
  expect(said).toEqual(['FailedScheduling: 0/3 nodes are available: insufficient memory'])
  // Its volume was still being made.
  let looks = 0
  const early = pods.status
  pods.status = (pod) => ((looks += 1) > 5 ? RUNNING : early(pod))
  await machines.destroy('main')
  expect(await refusal(machines.create(wanted(), never))).toBe('nothing was refused')
  pods.status = early
  expect(await refusal(machines.create(wanted({ wait: false }), never))).toBe('nothing was refused')
  const stop = new AbortController()
  stop.abort()
  pods.says = []
  expect(await refusal(machines.create(wanted(), stop.signal))).toContain('canceled while it waited')
})

test.each([
  ['ImagePullBackOff', 'stuck'],
  ['InvalidImageName', 'stuck'],
  ['CreateContainerConfigError', 'stuck'],
  ['CrashLoopBackOff', 'stuck'],
  ['ErrImagePull', 'waiting'],
  ['ContainerCreating', 'waiting'],
])('a container that waits because of %s is %s', (reason, is) => {
  const status = {
    phase: 'Pending',
    conditions: [{ type: 'PodScheduled', status: 'True' }],
    containerStatuses: [{ name: 'main', state: { waiting: { reason, message: 'because' } } }],
  }
  const pod = { apiVersion: 'v1', kind: 'Pod' as const, metadata: { name: NAME, namespace: 'workspaces' }, status }
  expect(progressOf(pod, [])).toMatchObject({ is })
})

test('a cluster that grows for the pod is waited for', () => {
  const pod = { apiVersion: 'v1', kind: 'Pod' as const, metadata: { name: NAME, namespace: 'workspaces' }, status: { phase: 'Pending' } }
  const failed = { uid: '1', type: 'Warning', reason: 'FailedScheduling', message: 'no node' }
  expect(progressOf(pod, [failed]).is).toBe('stuck')
  expect(progressOf(pod, [failed, { uid: '2', type: 'Normal', reason: 'TriggeredScaleUp', message: 'a node comes' }]).is).toBe('waiting')
})

const withFirst = (container: object) => {
  const status = {
    phase: 'Pending',
    conditions: [{ type: 'PodScheduled', status: 'True' }],
    initContainerStatuses: [{ name: 'bothy-program', ...container }],
  }
  return progressOf({ apiVersion: 'v1', kind: 'Pod' as const, metadata: { name: NAME, namespace: 'workspaces' }, status }, [])
}
const stuckBy = (terminated: object) =>
  withFirst({ state: { waiting: { reason: 'CrashLoopBackOff', message: 'back-off 10s' } }, lastState: { terminated } })

test('a container that crashes again and again is told of by its last words', () => {
  expect(stuckBy({ reason: 'Error', exitCode: 1, message: 'bothy: tar is needed\n' })).toMatchObject({
    message: 'container bothy-program: ended with 1: bothy: tar is needed',
  })
  expect(stuckBy({ reason: 'OOMKilled', exitCode: 137 })).toMatchObject({ message: 'container bothy-program: OOMKilled' })
})

test('a container that ended, and was tried before, is told of before the kubelet says that it backs off', () => {
  const terminated = { reason: 'Error', exitCode: 1, message: 'bothy: no glibc' }
  expect(withFirst({ restartCount: 0, state: { terminated } }).is).toBe('waiting')
  expect(withFirst({ restartCount: 1, state: { terminated }, lastState: { terminated: { exitCode: 7 } } })).toMatchObject({
    reason: 'CrashLoopBackOff',
    message: 'container bothy-program: ended with 1: bothy: no glibc',
  })
  expect(withFirst({ restartCount: 1, state: { terminated: { reason: 'Completed', exitCode: 0 } } }).is).toBe('waiting')
})

const firstContainer = (programImage: string | null) => {
  const { spec = {} } = podOf(wanted(), naming, 'workspaces', { ...place, programImage })
  return (spec['initContainers'] as readonly object[])[0]
}

test('a pod without an image that has the program fetches it, from where its agent connects to', () => {
  expect(firstContainer('bothy:1')).toMatchObject({ image: 'bothy:1', command: ['/bin/sh', '-c', 'cp -R /bothy-agent/. /opt/bothy/'] })
  expect(firstContainer(null)).toMatchObject({ image: 'debian', env: [{ name: 'BOTHY_URL', value: 'https://bothy.example.com' }] })
})

test('whom a pod trusts besides is beside its token, for its agent and for whoever fetches the program', async () => {
  const { spec = {} } = podOf(wanted(), naming, 'workspaces', { ...place, authority: 'PEM', programImage: null })
  const [first] = spec['initContainers'] as readonly object[]
  const [main] = spec['containers'] as readonly { readonly env: readonly object[] }[]
  const file = '/run/bothy-agent/ca.crt'
  expect(main?.env).toContainEqual({ name: 'NODE_EXTRA_CA_CERTS', value: file })
  expect(first).toMatchObject({
    env: [{ name: 'BOTHY_URL' }, { name: 'CURL_CA_BUNDLE', value: file }, { name: 'SSL_CERT_FILE', value: file }],
    volumeMounts: [{ name: 'bothy-program' }, { name: 'bothy-token', mountPath: file, subPath: 'ca.crt', readOnly: true }],
  })
  expect(secretOf(wanted(), naming, 'workspaces', { token: 'a', authority: 'PEM' })).toMatchObject({
    data: { token: Buffer.from('a\n').toString('base64'), 'ca.crt': Buffer.from('PEM').toString('base64') },
  })
  // A template that has a file of its own for this keeps it.
  const own = podOf(wanted({ env: { NODE_EXTRA_CA_CERTS: '/etc/all.pem' } }), naming, 'workspaces', { ...place, authority: 'PEM' })
  expect(JSON.stringify(own)).not.toContain(file)
})

test('another authority is another pod: an agent has read the one that it began with', () => {
  const inputs = [null, 'PEM', 'another'].map((authority) => inputsOf(wanted(), { ...place, authority }))
  expect(new Set(inputs).size).toBe(3)
})

test('logins of registries are those of the operator; none are those of the service account', () => {
  const given = podOf(wanted(), naming, 'workspaces', { ...place, pullSecrets: ['one', 'two'] })
  expect(given.spec).toMatchObject({ imagePullSecrets: [{ name: 'one' }, { name: 'two' }] })
  expect(podOf(wanted(), naming, 'workspaces', place).spec).not.toHaveProperty('imagePullSecrets')
})
