import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { connectKubernetes, type KubernetesConnection } from '../../controller/cluster/kubernetes-connection.ts'
import { openReviews, type Reviews } from '../../controller/cluster/reviews.ts'
import { systemClock } from '../../controller/kernel/clock.ts'
import { Transient } from '../../controller/kernel/errors.ts'
import { silentLog } from '../../controller/kernel/log.ts'
import { createMetrics } from '../../controller/kernel/metrics.ts'
import { noOwnCluster, ownCluster, type OwnCluster } from '../support/cluster.ts'
import { steppedClock, type SteppedClock } from '../support/clock.ts'
import { until } from '../support/until.ts'

/** Who asks and what they may, by a real API server. */
describe.skipIf(noOwnCluster !== null)('reviews', () => {
  let cluster: OwnCluster
  let connection: KubernetesConnection
  let namespace: string

  beforeAll(async () => {
    cluster = await ownCluster()
    namespace = await cluster.namespace()
    await must('create', 'serviceaccount', 'ada', '-n', namespace)
  }, 600_000)
  afterAll(() => connection?.close())

  const must = async (...args: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await cluster.kubectl(args)
    if (code !== 0) throw new Error(stderr)
    return stdout.trim()
  }
  const tokenOf = (audience: string, duration = '1h') =>
    must('create', 'token', 'ada', '-n', namespace, `--audience=${audience}`, `--duration=${duration}`)
  /** With an hour of its own: what is remembered is over when we say so. */
  const opened = async (): Promise<{ reviews: Reviews; clock: SteppedClock; asked: () => Promise<number> }> => {
    const clock = steppedClock()
    const metrics = createMetrics()
    connection ??= await connectKubernetes({ kubeconfig: cluster.kubeconfig, environment: {}, clock: systemClock, userAgent: 'test' })
    const asked = async () =>
      [...(await metrics.page()).matchAll(/^bothy_reviews_total\{.*\} (\d+)$/gm)].reduce((sum, [, count]) => sum + Number(count), 0)
    return { reviews: openReviews({ connection, clock, log: silentLog, metrics }), clock, asked }
  }
  const wish = (verb: string, more: object = {}) => ({
    verb,
    group: 'bothy.dev',
    resource: 'workspaces',
    subresource: null,
    namespace,
    name: 'dev',
    path: '',
    ...more,
  })

  test('a token is somebody’s if it was made for us', async () => {
    const { reviews, asked } = await opened()
    const user = `system:serviceaccount:${namespace}:ada`
    const groups = ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated']
    const token = await tokenOf('bothy')
    expect(await reviews.authenticate(token)).toEqual({ user, groups, session: null, token: null })
    await Promise.all(Array.from({ length: 50 }, () => reviews.authenticate(token)))
    expect(await asked()).toBe(1)
    expect(await reviews.authenticate(await tokenOf('https://kubernetes.default.svc'))).toBeNull()
    expect(await reviews.authenticate(await tokenOf('another'))).toBeNull()
    expect(await reviews.authenticate('made.up.token')).toBeNull()
    expect(await reviews.authenticate('made.up.token')).toBeNull()
    expect(await asked()).toBe(4)
    expect(await reviews.authenticate('x'.repeat(9000))).toBeNull()
  })

  test('a token of an account that is gone is nobody’s, once what was remembered is over', async () => {
    const { reviews, clock } = await opened()
    await must('create', 'serviceaccount', 'eve', '-n', namespace)
    const token = await must('create', 'token', 'eve', '-n', namespace, '--audience=bothy')
    expect((await reviews.authenticate(token))?.user).toMatch(/:eve$/)
    await must('delete', 'serviceaccount', 'eve', '-n', namespace)
    expect((await reviews.authenticate(token))?.user).toMatch(/:eve$/)
    // The API server remembers for ten seconds of its own.
    const gone = async () => {
      await clock.step(10_001)
      return (await reviews.authenticate(token)) === null
    }
    await until('the token to be nobody’s', gone, { everyMs: 500 })
  })

  test('rights are those of the roles, by verb and name, and gone with them', async () => {
    const { reviews, clock } = await opened()
    const ada = await reviews.authenticate(await tokenOf('bothy'))
    if (!ada) throw new Error('ada is nobody')
    const may = async (asked: ReturnType<typeof wish>) => (await reviews.authorize(ada, asked)) === null
    expect(await may(wish('connect'))).toBe(false)
    await must('create', 'role', 'in', '-n', namespace, '--verb=connect', '--resource=workspaces.bothy.dev', '--resource-name=dev')
    await must('create', 'role', 'see', '-n', namespace, '--verb=get', '--resource=workspaces.bothy.dev,templates.bothy.dev')
    for (const role of ['in', 'see'])
      await must('create', 'rolebinding', role, '-n', namespace, `--role=${role}`, `--serviceaccount=${namespace}:ada`)
    await until('the right to be there', async () => {
      await clock.step(10_001)
      return may(wish('connect'))
    })
    expect(await may(wish('connect', { name: 'other' }))).toBe(false)
    expect(await may(wish('connect', { namespace: 'default' }))).toBe(false)
    expect(await may(wish('delete'))).toBe(false)
    for (const subresource of ['why', 'log', 'agents', 'simulate', 'timings', 'ssh'])
      expect(await may(wish('get', { subresource }))).toBe(true)
    expect(await may(wish('create', { resource: 'templates', subresource: 'preview' }))).toBe(true)
    expect(await may(wish('get', { resource: '', path: '/version' }))).toBe(true)
    expect(await may(wish('get', { resource: '', path: '/metrics' }))).toBe(false)
    // A session of the page remembers the groups; where it has none, a service account's follow from its name.
    expect(await reviews.authorize({ user: ada.user, groups: [] }, wish('connect'))).toBeNull()
    await must('delete', 'rolebinding', 'in', '-n', namespace)
    await until('the right to be gone', async () => {
      await clock.step(10_001)
      return !(await may(wish('connect')))
    })
    expect((await reviews.authorize(ada, wish('connect')))?.message).toBe(
      `workspaces.bothy.dev "dev" is forbidden: User "${ada.user}" cannot connect resource "workspaces" in API group "bothy.dev" in the namespace "${namespace}"`,
    )
  })

  test('what goes on is asked about every ten seconds, whoever asked a moment before', async () => {
    const { reviews, clock, asked } = await opened()
    const ada = await reviews.authenticate(await tokenOf('bothy'))
    if (!ada) throw new Error('ada is nobody')
    let heard = 0
    onTestFinished(
      reviews.onChanged(() => {
        void reviews.authorize(ada, wish('list')).then(() => (heard += 1))
      }),
    )
    const before = await asked()
    await clock.step(9000)
    await reviews.authorize(ada, wish('list'))
    expect([heard, await asked()]).toEqual([0, before + 1])
    for (const times of [1, 2, 3]) {
      await clock.step(times === 1 ? 1000 : 10_000)
      await until('it to be heard', () => heard === times)
      expect(await asked()).toBe(before + 1 + times)
    }
  })

  test('nobody is let in while the API server is away, and everybody when it is back', async () => {
    const { reviews, clock } = await opened()
    const token = await tokenOf('bothy')
    const ada = await reviews.authenticate(token)
    if (!ada) throw new Error('ada is nobody')
    await cluster.kill()
    await clock.step(10_001)
    await expect(reviews.authenticate(token)).rejects.toThrow(/^the cluster cannot be asked who you are: /)
    await expect(reviews.authenticate(token)).rejects.toBeInstanceOf(Transient)
    await expect(reviews.authorize(ada, wish('get'))).rejects.toThrow(/^the cluster cannot be asked what you may: /)
    await cluster.start()
    expect((await reviews.authenticate(token))?.user).toBe(ada.user)
  })
})
