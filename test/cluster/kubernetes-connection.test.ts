import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { connectKubernetes, type KubernetesConnection } from '../../controller/cluster/kubernetes-connection.ts'
import { readContext } from '../../controller/cluster/kubernetes-context.ts'
import { systemClock } from '../../controller/kernel/clock.ts'
import { Misconfigured, Refused, Transient } from '../../controller/kernel/errors.ts'
import { steppedClock } from '../support/clock.ts'
import { noCluster, theCluster } from '../support/cluster.ts'
import { temporaryFolder } from '../support/temporary.ts'

interface Parts {
  readonly user?: object
  readonly cluster?: object
  readonly context?: object
}

async function connected(kubeconfig: string, more: Partial<Parameters<typeof connectKubernetes>[0]> = {}): Promise<KubernetesConnection> {
  const connection = await connectKubernetes({ kubeconfig, environment: {}, clock: systemClock, userAgent: 'bothy-test', ...more })
  onTestFinished(() => connection.close())
  return connection
}

interface UserInfo {
  readonly username: string
  readonly groups: readonly string[]
  readonly uid?: string
  readonly extra?: Readonly<Record<string, readonly string[]>>
}

const who = async (connection: KubernetesConnection): Promise<UserInfo> => {
  const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' }
  const path = '/apis/authentication.k8s.io/v1/selfsubjectreviews'
  const answer = await connection.request<{ status: { userInfo: UserInfo } }>({
    method: 'POST',
    path,
    body,
  })
  return answer.body.status.userInfo
}

/** A kubeconfig beside the real one: the same server, and another user. */
async function written(folder: string, { user = {}, cluster = {}, context = {} }: Parts): Promise<string> {
  const { kubeconfig } = await theCluster()
  const real = readContext({ kubeconfig, context: null, environment: {} })
  const ca = { 'certificate-authority-data': base64(real.cluster.ca) }
  const path = join(folder, 'kubeconfig')
  const config = {
    'current-context': 'it',
    contexts: [{ name: 'it', context: { cluster: 'it', user: 'it', ...context } }],
    clusters: [{ name: 'it', cluster: { server: real.server, ...ca, ...cluster } }],
    users: [{ name: 'it', user }],
  }
  writeFileSync(path, JSON.stringify(config))
  return path
}

async function tokenIn(namespace: string, account: string): Promise<string> {
  const { kubectl } = await theCluster()
  await kubectl(['create', 'serviceaccount', account], { namespace })
  const { stdout, stderr } = await kubectl(['create', 'token', account], { namespace })
  expect(stderr).toBe('')
  return stdout.trim()
}

const base64 = (text: string | null) => Buffer.from(text ?? '').toString('base64')
const configOf = (parts: object) => JSON.stringify({ apiVersion: 'v1', kind: 'Config', ...parts })
const clusterNamed = (name: string, server = `https://${name}.example`) => ({ name, cluster: { server } })
const contextNamed = (name: string, user = 'ada') => ({ name, context: { cluster: name, user, namespace: `of-${name}` } })

describe.skipIf(noCluster !== null)('a connection to an API server', () => {
  test('is made as who the kubeconfig says, by a certificate', async () => {
    const { kubeconfig } = await theCluster()
    expect((await who(await connected(kubeconfig))).groups).toContain('system:masters')
  })

  test('is made by a token, and by one in a file that is renewed', async () => {
    const folder = temporaryFolder()
    const namespace = await (await theCluster()).namespace('login')
    const [first, second] = [await tokenIn(namespace, 'first'), await tokenIn(namespace, 'second')]
    const byToken = await connected(await written(folder, { user: { token: first }, context: { namespace } }))
    expect((await who(byToken)).username).toBe(`system:serviceaccount:${namespace}:first`)
    expect(byToken).toMatchObject({ namespace, user: 'it', context: 'it' })

    writeFileSync(join(folder, 'token'), first)
    const clock = steppedClock()
    const byFile = await connected(await written(folder, { user: { tokenFile: 'token' } }), { clock })
    expect((await who(byFile)).username).toMatch(/:first$/)
    writeFileSync(join(folder, 'token'), second)
    expect((await who(byFile)).username).toMatch(/:first$/)
    await clock.step(60_000)
    expect((await who(byFile)).username).toMatch(/:second$/)
  })

  test('reads a token again when the one it has is not believed', async () => {
    const folder = temporaryFolder()
    const namespace = await (await theCluster()).namespace('login')
    writeFileSync(join(folder, 'token'), 'expired')
    const connection = await connected(await written(folder, { user: { tokenFile: 'token' } }))
    await expect(who(connection)).rejects.toMatchObject({ reason: 'Unauthorized', code: 401 })
    writeFileSync(join(folder, 'token'), await tokenIn(namespace, 'renewed'))
    expect((await who(connection)).username).toMatch(/:renewed$/)
  })

  test('is somebody else’s where the kubeconfig says so, with all that is said of them', async () => {
    const { login } = readContext({ kubeconfig: (await theCluster()).kubeconfig, context: null, environment: {} })
    const admin = { 'client-certificate-data': base64(login.certificate), 'client-key-data': base64(login.key) }
    const extra = { scopes: ['read', 'write'], 'example.com/100% ünlike': ['yes'] }
    const bea = { as: 'bea', 'as-uid': 'b-1', 'as-groups': ['x', 'y'], 'as-user-extra': extra }
    expect(await who(await connected(await written(temporaryFolder(), { user: { ...admin, ...bea } })))).toEqual({
      username: 'bea',
      uid: 'b-1',
      groups: ['x', 'y', 'system:authenticated'],
      extra,
    })
  })

  test('asks a plugin who it is, once for all, and again when it is not believed', async () => {
    const folder = temporaryFolder()
    const namespace = await (await theCluster()).namespace('login')
    const token = await tokenIn(namespace, 'plugged')
    mkdirSync(join(folder, 'bin'))
    writeFileSync(join(folder, 'answer'), JSON.stringify({ kind: 'ExecCredential', status: { token: 'not yet' } }))
    const script = `#!/bin/sh\necho "$KUBERNETES_EXEC_INFO $GREETING" >> ${folder}/asked\ncat ${folder}/answer\n`
    writeFileSync(join(folder, 'bin', 'log-in'), script)
    chmodSync(join(folder, 'bin', 'log-in'), 0o755)
    const exec = {
      apiVersion: 'client.authentication.k8s.io/v1',
      command: 'bin/log-in',
      env: [{ name: 'GREETING', value: 'hello' }],
      provideClusterInfo: true,
    }
    const connection = await connected(await written(folder, { user: { exec } }))
    await expect(who(connection)).rejects.toMatchObject({ code: 401 })
    writeFileSync(join(folder, 'answer'), JSON.stringify({ kind: 'ExecCredential', status: { token } }))
    const all = await Promise.all([who(connection), who(connection), who(connection)])
    expect(new Set(all.map(({ username }) => username))).toEqual(new Set([`system:serviceaccount:${namespace}:plugged`]))
    const asked = readFileSync(join(folder, 'asked'), 'utf8').trim().split('\n')
    expect(asked.length).toBeLessThanOrEqual(4)
    expect(asked[0]).toContain('"apiVersion":"client.authentication.k8s.io/v1"')
    expect(asked[0]).toContain(`"server":"${connection.server}"`)
    expect(asked[0]).toMatch(/ hello$/)
  })

  test('a plugin that fails, or is not there, is told of, and may do better later', async () => {
    const folder = temporaryFolder()
    const connection = await connected(await written(folder, { user: { exec: { command: './missing' } } }))
    await expect(who(connection)).rejects.toThrow(/logging in failed: .*missing/)
    await expect(who(connection)).rejects.toBeInstanceOf(Transient)
  })

  test('believes nobody whom the certificate authority does not know, unless told to', async () => {
    const folder = temporaryFolder()
    const token = await tokenIn(await (await theCluster()).namespace('login'), 'wary')
    const strange = { 'certificate-authority-data': undefined }
    await expect(who(await connected(await written(folder, { user: { token }, cluster: strange })))).rejects.toThrow(/certificate/)
    const careless = { ...strange, 'insecure-skip-tls-verify': true }
    expect((await who(await connected(await written(folder, { user: { token }, cluster: careless })))).username).toMatch(/:wary$/)
    const misnamed = { 'tls-server-name': 'elsewhere.example' }
    await expect(who(await connected(await written(folder, { user: { token }, cluster: misnamed })))).rejects.toThrow(/elsewhere.example/)
    const named = { 'tls-server-name': 'kubernetes.default.svc' }
    expect((await who(await connected(await written(folder, { user: { token }, cluster: named })))).username).toMatch(/:wary$/)
  })

  test('answers what the server refuses in its words, and what is not there as not there', async () => {
    const { kubeconfig } = await theCluster()
    const connection = await connected(kubeconfig)
    const path = '/apis/bothy.dev/v1alpha1/namespaces/default/workspaces'
    await expect(connection.request({ method: 'GET', path: `${path}/none` })).rejects.toMatchObject({
      reason: 'NotFound',
      code: 404,
      message: 'workspaces.bothy.dev "none" not found',
      details: { name: 'none', group: 'bothy.dev', kind: 'workspaces' },
    })
    const body = {
      apiVersion: 'bothy.dev/v1alpha1',
      kind: 'Workspace',
      metadata: { name: 'x' },
      spec: { owner: 'ada', power: 'Sometimes' },
    }
    const refused: unknown = await connection.request({ method: 'POST', path, body }).catch((error: unknown) => error)
    expect(refused).toBeInstanceOf(Refused)
    expect(refused).toMatchObject({ reason: 'Invalid', code: 422 })
    expect((refused as Refused).details.causes?.map(({ field }) => field)).toContain('spec.power')
    await expect(connection.request({ method: 'GET', path: '/apis/nowhere.dev/v1/things' })).rejects.toMatchObject({ reason: 'NotFound' })
  })

  test('to nobody is unreachable, and is given up when it takes too long', async () => {
    const folder = temporaryFolder()
    const connection = await connected(await written(folder, { cluster: { server: 'https://127.0.0.1:1' } }))
    await expect(connection.request({ method: 'GET', path: '/version' })).rejects.toThrow(/cannot be reached: .*ECONNREFUSED/)
    const { kubeconfig } = await theCluster()
    const watch = { watch: '1', timeoutSeconds: '60' }
    const late = (await connected(kubeconfig)).request({ method: 'GET', path: '/api/v1/namespaces', query: watch, timeoutMs: 300 })
    await expect(late).rejects.toBeInstanceOf(Transient)
  })
})

describe('a kubeconfig', () => {
  test('may be several files: the first that names a thing has it', () => {
    const folder = temporaryFolder()
    const [one, two] = [join(folder, 'one'), join(folder, 'two')]
    writeFileSync(one, configOf({ 'current-context': 'b', clusters: [clusterNamed('a', 'https://first.example')], users: [] }))
    writeFileSync(
      two,
      configOf({
        'current-context': 'a',
        clusters: [clusterNamed('a'), clusterNamed('b')],
        contexts: [contextNamed('a'), contextNamed('b')],
        users: [{ name: 'ada', user: { token: 't', as: 'bea', 'as-groups': ['x', 'y'] } }],
      }),
    )
    const environment = { KUBECONFIG: `${one}:${join(folder, 'absent')}:${two}` }
    expect(readContext({ kubeconfig: null, context: null, environment })).toMatchObject({
      name: 'b',
      server: 'https://b.example',
      namespace: 'of-b',
      user: 'ada',
      login: { token: 't', impersonate: { 'impersonate-user': 'bea', 'impersonate-group': ['x', 'y'] } },
    })
    expect(readContext({ kubeconfig: null, context: 'a', environment }).server).toBe('https://first.example')
  })

  test('is looked for at home, and its paths begin where it lies', () => {
    const home = temporaryFolder()
    mkdirSync(join(home, '.kube'))
    writeFileSync(join(home, '.kube', 'ca.crt'), 'the authority')
    writeFileSync(
      join(home, '.kube', 'config'),
      `current-context: a
contexts: [{name: a, context: {cluster: a, user: ada}}]
clusters: [{name: a, cluster: {server: "https://a.example/k8s/", certificate-authority: ca.crt}}]
users: [{name: ada, user: {client-certificate: ada.crt, client-key: ../ada.key}}]
`,
    )
    const read = readContext({ kubeconfig: null, context: null, environment: { HOME: home } })
    expect(read).toMatchObject({ server: 'https://a.example/k8s', namespace: 'default', cluster: { ca: 'the authority' } })
    expect(read.login).toMatchObject({ certificateFile: join(home, '.kube', 'ada.crt'), keyFile: join(home, 'ada.key') })
  })

  test('that cannot be used is refused with its place', () => {
    const folder = temporaryFolder()
    const path = join(folder, 'kubeconfig')
    const reading = (text: string, wanted: string | null = null) => {
      writeFileSync(path, text)
      return () => readContext({ kubeconfig: path, context: wanted, environment: {} })
    }
    expect(reading('clusters: [')).toThrow(Misconfigured)
    expect(reading('clusters: [')).toThrow(new RegExp(`${path}:\\d+:\\d+`))
    expect(reading(configOf({}))).toThrow(/no current-context/)
    expect(reading(configOf({ contexts: [contextNamed('a')] }), 'a')).toThrow(/no cluster "a"/)
    expect(reading(configOf({ contexts: [contextNamed('a')], clusters: [clusterNamed('a', 'nonsense')], users: [] }), 'a')).toThrow(
      /is not a URL/,
    )
    expect(reading(configOf({ contexts: [contextNamed('a')], clusters: [clusterNamed('a')] }), 'a')).toThrow(/no user "ada"/)
    const halfWritten = { contexts: [contextNamed('a')], clusters: [clusterNamed('a')] }
    for (const more of [{ 'as-uid': 'b-1' }, { 'as-groups': ['x'] }, { 'as-user-extra': { scopes: ['read'] } }])
      expect(reading(configOf({ ...halfWritten, users: [{ name: 'ada', user: { token: 't', ...more } }] }), 'a')).toThrow(/no "as"/)
    expect(() => readContext({ kubeconfig: join(folder, 'absent'), context: null, environment: {} })).toThrow(/cannot be read/)
    expect(() => readContext({ kubeconfig: null, context: null, environment: { HOME: folder } })).toThrow(/there is no kubeconfig/)
  })
})
