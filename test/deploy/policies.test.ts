import { beforeAll, describe, expect, test } from 'vitest'
import { noOwnCluster, type OwnCluster } from '../support/cluster.ts'
import {
  apply,
  as,
  CONTROLLER,
  deployedCluster,
  must,
  request,
  SYSTEM,
  template,
  untilInForce,
  untilRefused,
  workspace,
} from './deployed.ts'
import {
  FINALIZER,
  from,
  GRANTS,
  LIMITS,
  many,
  MARKS,
  mine,
  OF_THE_CONTROLLER,
  OWNER,
  patch,
  REQUESTS,
  start,
  type Case,
} from './policy-cases.ts'
import { EXTENSIONS, HOLDS, STARTS, TEMPLATES } from './policy-cases-of-time.ts'

/** Each rule of the shipped policies, in a real API server: what it lets pass, and what it refuses in which words. */

const limits = (name: string, data: object) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: SYSTEM, labels: { 'bothy.dev/limits': 'true' } },
  data,
})

/** What was there before the policies were: they must not stand in its way. */
async function makeObjects(cluster: OwnCluster): Promise<void> {
  const objects = [
    template('node', 'team-a'),
    template('shared', 'bothy-templates', { allowedNamespaces: ['team-c', 'team-a'] }),
    template('open', 'bothy-templates', { allowedNamespaces: ['*'] }),
    template('elsewhere', 'bothy-templates', { allowedNamespaces: ['team-b', 'team-ab'] }),
    template('private', 'bothy-templates'),
    template('open', 'team-b', { allowedNamespaces: ['*'] }),
    workspace('adas', 'team-a', { owner: 'ada' }),
    workspace('umas', 'team-a', { owner: 'uma' }),
    workspace('nobodys', 'team-a', {}),
    workspace('large', 'team-a', { owner: 'ada', parameters: many(65) }),
    workspace('left', 'team-a', { owner: 'ada', template: { name: 'private', namespace: 'bothy-templates' } }),
    workspace('paused', 'team-a', { owner: 'ada' }, { annotations: { 'bothy.dev/paused': 'true' } }),
    workspace('orphan', 'team-a', { owner: 'ada', deletionPolicy: 'Orphan' }),
    workspace('held', 'team-a', { owner: 'ada' }, { finalizers: [FINALIZER] }),
    workspace('running', 'team-b', { owner: 'berta', power: 'Running' }),
    workspace('stopped', 'team-b', { owner: 'berta', power: 'Stopped' }),
  ]
  await must(cluster, ['create', '-f', '-'], objects.map((object) => JSON.stringify(object)).join('\n'))
}

async function makePeople(cluster: OwnCluster): Promise<void> {
  const bind = (namespace: string, role: string, user: string) =>
    must(cluster, [
      '-n',
      namespace,
      'create',
      'rolebinding',
      `${role}-${user.toLowerCase()}-${user.length}`,
      '--clusterrole',
      role,
      '--user',
      user,
    ])
  await bind('team-a', 'edit', 'ada')
  await bind('team-a', 'admin', 'Ada')
  await bind('team-a', 'edit', 'eve')
  await bind('team-a', 'edit', 'gitops')
  await bind('team-a', 'admin', 'olga')
  await bind('team-a', 'bothy-use', 'uma')
  await bind('team-b', 'edit', 'berta')
  await bind('team-c', 'edit', 'carl')
  await must(cluster, ['create', '-f', '-'], {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRole',
    metadata: { name: 'speaks-for-ada' },
    rules: [{ apiGroups: ['bothy.dev'], resources: ['owners'], resourceNames: ['ada'], verbs: ['impersonate'] }],
  })
  await must(cluster, ['create', 'clusterrolebinding', 'speaks-for-ada', '--clusterrole=speaks-for-ada', '--user=gitops'])
  await must(cluster, ['create', 'clusterrolebinding', 'root', '--clusterrole=cluster-admin', '--user=root'])
}

describe.skipIf(noOwnCluster !== null)(`policies${noOwnCluster ? ` (${noOwnCluster})` : ''}`, () => {
  let cluster: OwnCluster
  beforeAll(async () => {
    cluster = await deployedCluster('base')
    for (const namespace of ['team-a', 'team-b', 'team-c', 'bothy-templates']) await must(cluster, ['create', 'namespace', namespace])
    await makePeople(cluster)
    await makeObjects(cluster)
    await apply(cluster)
    await must(cluster, ['create', '-f', '-'], limits('of-team-b', { namespaces: 'team-z, team-b', maxTtl: '48h', maxHold: '4h' }))
    await must(
      cluster,
      ['create', '-f', '-'],
      limits('of-team-c', { namespaces: 'team-c', templateNamespaces: 'bothy-templates', maxTtl: '12h' }),
    )
    await untilInForce(cluster)
    const create = ['create', '--dry-run=server', '-f', '-']
    // Each policy comes into force by itself, and each set of limits and each template is seen by itself.
    await untilRefused(cluster, create, workspace('x', 'team-a', {}), /bothy-owner/)
    await untilRefused(cluster, create, from('bothy-templates', 'private'), /bothy-template-grants/)
    await untilRefused(cluster, create, from('bothy-templates', 'elsewhere'), /bothy-template-grants/)
    await untilRefused(cluster, create, workspace('x', 'team-b', { owner: 'x', schedule: { ttl: '3d' } }), /48h/)
    await untilRefused(cluster, create, mine({ parameters: many(65) }), /must have at most 64/)
    await untilRefused(cluster, create, request('team-b', { workspace: 'x', action: 'Hold', for: '5h' }), /bothy-request-limits/)
    await untilRefused(cluster, create, request('team-c', { workspace: 'x', action: 'Hold', for: '13h' }), /of-team-c/)
    await untilRefused(cluster, create, template('x', 'team-b'), /bothy-template-limits/)
    await untilRefused(cluster, [...as('uma'), ...create], request('team-a', start), /bothy-requests/)
    await untilRefused(cluster, [...as('ada'), ...create], mine({}, { annotations: { 'bothy.dev/paused': 'true' } }), /bothy-marks/)
    await untilRefused(cluster, [...as(CONTROLLER), ...patch({ spec: { power: 'Stopped' } }), '--dry-run=server'], {}, /bothy-controller/)
    return () => cluster.kill()
  })

  const check = async ({ who, does, by = ['create', '-f', '-'], refused }: Case) => {
    const given = Array.isArray(does) ? { args: does as string[], input: '' } : { args: by, input: JSON.stringify(does) }
    const { code, stderr } = await cluster.kubectl([...as(who), ...given.args, '--dry-run=server'], { input: given.input })
    if (refused) expect(stderr).toMatch(refused)
    else expect(stderr).toBe('')
    expect(code === 0).toBe(refused === undefined)
  }

  describe('whose a workspace is', () => void test.each(OWNER)('$who: $says', check))
  describe('which template it is of', () => void test.each(GRANTS)('$who: $says', check))
  describe('how much it is', () => void test.each(LIMITS)('$who: $says', check))
  describe('how long a start of it lasts', () => void test.each(STARTS)('$who: $says', check))
  describe('how long a template lets it last', () => void test.each(TEMPLATES)('$who: $says', check))
  describe('how far its stop is moved', () => void test.each(EXTENSIONS)('$who: $says', check))
  describe('how long it is held', () => void test.each(HOLDS)('$who: $says', check))
  describe('who asks', () => void test.each(REQUESTS)('$who: $says', check))
  describe('what it is marked with', () => void test.each(MARKS)('$who: $says', check))
  describe('what the controller writes', () => void test.each(OF_THE_CONTROLLER)('$says', check))

  test('without any limits nothing is let in, rather than everything', async () => {
    await must(cluster, ['-n', SYSTEM, 'delete', 'configmap', 'bothy-limits', 'of-team-b', 'of-team-c'])
    await untilRefused(cluster, ['create', '--dry-run=server', '-f', '-'], mine({}), /no params found/)
  })
})
