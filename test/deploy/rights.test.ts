import { beforeAll, describe, expect, test } from 'vitest'
import { noOwnCluster, type OwnCluster } from '../support/cluster.ts'
import { until } from '../support/until.ts'
import { as, CONTROLLER, deployedCluster, groupsOf, must, PROVISIONER, SYSTEM, untilInForce, WORKSPACE } from './deployed.ts'

/** Who may do what, as the API server itself answers. The same table is in docs/install-in-a-cluster.md. */

/** verb resource[/subresource] [name] in namespace; `*` for a resource of the whole cluster. */
type Wish = string

interface Row {
  readonly who: string
  readonly may: readonly Wish[]
  readonly mayNot: readonly Wish[]
}

const WRITES = ['create', 'update', 'patch', 'delete', 'deletecollection']
const READS = ['get', 'list', 'watch']
const all = (verbs: readonly string[], resource: string, namespace: string): Wish[] =>
  verbs.map((verb) => `${verb} ${resource} in ${namespace}`)
const OURS = ['templates.bothy.dev', 'workspaces.bothy.dev', 'workspacerequests.bothy.dev']

const ROWS: readonly Row[] = [
  {
    who: CONTROLLER,
    may: [
      ...OURS.flatMap((resource) => all(READS, resource, 'team-a')),
      ...all(READS, 'owners.bothy.dev', '*'),
      ...all(['patch'], 'workspaces.bothy.dev', 'team-a'),
      ...all(['patch'], 'templates.bothy.dev', 'team-a'),
      ...[...OURS, 'owners.bothy.dev'].map((resource) => `patch ${resource}/status in team-a`),
      ...all(['create', 'delete'], 'workspacerequests.bothy.dev', 'team-a'),
      ...all(READS, 'configmaps', 'team-a'),
      ...all(['get', 'create', 'patch'], 'events.events.k8s.io', 'team-a'),
      'create tokenreviews.authentication.k8s.io in *',
      'create subjectaccessreviews.authorization.k8s.io in *',
    ],
    mayNot: [
      ...[...READS, ...WRITES].flatMap((verb) =>
        ['team-a', 'bothy-system', 'bothy-workspaces', '*'].map((place) => `${verb} secrets in ${place}`),
      ),
      ...all(['create', 'update', 'delete'], 'workspaces.bothy.dev', 'team-a'),
      ...all(['create', 'update', 'delete'], 'templates.bothy.dev', 'team-a'),
      ...all(WRITES, 'owners.bothy.dev', '*'),
      ...all(WRITES, 'configmaps', 'bothy-system'),
      ...all(['create', 'delete', 'patch'], 'pods', 'bothy-workspaces'),
      'create pods/exec in bothy-workspaces',
      'create serviceaccounts/token in bothy-system',
      'impersonate users in *',
      'impersonate owners.bothy.dev in *',
      'connect workspaces.bothy.dev in team-a',
      'bind clusterroles.rbac.authorization.k8s.io in *',
      'escalate clusterroles.rbac.authorization.k8s.io in *',
      'get nodes in *',
    ],
  },
  {
    who: PROVISIONER,
    may: ['pods', 'secrets', 'persistentvolumeclaims'].flatMap((resource) =>
      all(['get', 'list', 'create', 'patch', 'delete'], resource, 'bothy-workspaces'),
    ),
    mayNot: [
      ...['team-a', 'bothy-system', 'kube-system', '*'].flatMap((place) =>
        ['secrets', 'pods'].flatMap((resource) => all([...READS, ...WRITES], resource, place)),
      ),
      ...OURS.flatMap((resource) => all([...READS, ...WRITES], resource, 'team-a')),
      'create pods/exec in bothy-workspaces',
      'create pods/ephemeralcontainers in bothy-workspaces',
      'create serviceaccounts/token in bothy-workspaces',
      'create tokenreviews.authentication.k8s.io in *',
      'create roles.rbac.authorization.k8s.io in bothy-workspaces',
      'patch namespaces bothy-workspaces in *',
    ],
  },
  {
    who: WORKSPACE,
    may: [],
    mayNot: [
      ...['bothy-workspaces', 'bothy-system', 'team-a', '*'].flatMap((place) =>
        ['pods', 'secrets', 'persistentvolumeclaims', 'configmaps', ...OURS].flatMap((resource) =>
          all([...READS, ...WRITES], resource, place),
        ),
      ),
      'connect workspaces.bothy.dev in team-a',
    ],
  },
  {
    who: 'view-of-team-a',
    may: OURS.flatMap((resource) => all(READS, resource, 'team-a')),
    mayNot: [
      ...OURS.flatMap((resource) => all(WRITES, resource, 'team-a')),
      'connect workspaces.bothy.dev in team-a',
      ...all(READS, 'workspaces.bothy.dev', 'team-b'),
      ...all(READS, 'owners.bothy.dev', '*'),
    ],
  },
  {
    who: 'edit-of-team-a',
    may: [
      ...OURS.flatMap((resource) => all(READS, resource, 'team-a')),
      ...['workspaces.bothy.dev', 'workspacerequests.bothy.dev'].flatMap((resource) => all(WRITES, resource, 'team-a')),
      'connect workspaces.bothy.dev in team-a',
    ],
    mayNot: [
      ...all(WRITES, 'templates.bothy.dev', 'team-a'),
      ...OURS.flatMap((resource) => all([...READS, ...WRITES], resource, 'team-b')),
      'connect workspaces.bothy.dev in team-b',
      'patch workspaces.bothy.dev/status in team-a',
      'pause workspaces.bothy.dev in team-a',
      'abandon workspaces.bothy.dev in team-a',
      ...all([...READS, ...WRITES], 'owners.bothy.dev', '*'),
      'impersonate owners.bothy.dev in *',
    ],
  },
  {
    who: 'admin-of-team-a',
    may: [
      ...OURS.flatMap((resource) => all(READS, resource, 'team-a')),
      ...['workspaces.bothy.dev', 'workspacerequests.bothy.dev'].flatMap((resource) => all(WRITES, resource, 'team-a')),
      'connect workspaces.bothy.dev in team-a',
      'pause workspaces.bothy.dev in team-a',
      'abandon workspaces.bothy.dev in team-a',
      'pause templates.bothy.dev in team-a',
    ],
    mayNot: [
      // What a template says is run beside the key of all workspaces.
      ...all(WRITES, 'templates.bothy.dev', 'team-a'),
      ...OURS.flatMap((resource) => all([...READS, ...WRITES], resource, 'team-b')),
      'patch workspaces.bothy.dev/status in team-a',
      ...all([...READS, ...WRITES], 'owners.bothy.dev', '*'),
      'impersonate owners.bothy.dev in *',
    ],
  },
  {
    who: 'bothy-templates-of-team-a',
    may: all([...READS, ...WRITES], 'templates.bothy.dev', 'team-a'),
    mayNot: [
      ...['workspaces.bothy.dev', 'workspacerequests.bothy.dev', 'secrets', 'configmaps'].flatMap((resource) =>
        all([...READS, ...WRITES], resource, 'team-a'),
      ),
      ...OURS.flatMap((resource) => all([...READS, ...WRITES], resource, 'team-b')),
      'patch templates.bothy.dev/status in team-a',
      'connect workspaces.bothy.dev in team-a',
      'pause templates.bothy.dev in team-a',
    ],
  },
  {
    who: 'bothy-connect-of-team-a',
    may: ['connect workspaces.bothy.dev in team-a', 'get workspaces.bothy.dev in team-a'],
    mayNot: [
      ...OURS.flatMap((resource) => all(WRITES, resource, 'team-a')),
      'connect workspaces.bothy.dev in team-b',
      'get secrets in team-a',
    ],
  },
  {
    who: 'bothy-use-of-team-a',
    may: ['connect workspaces.bothy.dev in team-a', 'create workspacerequests.bothy.dev in team-a'],
    mayNot: [...all(WRITES, 'workspaces.bothy.dev', 'team-a'), 'delete workspacerequests.bothy.dev in team-a', 'get secrets in team-a'],
  },
  {
    who: 'bothy-connect-through',
    may: [
      'list endpointslices.discovery.k8s.io in bothy-system',
      'get pods/portforward bothy-controller-1 in bothy-system',
      'create pods/portforward bothy-controller-1 in bothy-system',
      'get configmaps bothy in bothy-system',
    ],
    mayNot: [
      ...['pods', 'secrets', 'services'].flatMap((resource) => all([...READS, ...WRITES], resource, 'bothy-system')),
      ...['exec', 'attach', 'log', 'proxy', 'ephemeralcontainers'].flatMap((what) =>
        all(['get', 'create'], `pods/${what}`, 'bothy-system'),
      ),
      ...['bothy-workspaces', 'team-a', '*'].flatMap((place) => all(['get', 'create'], 'pods/portforward', place)),
      ...all(['create', 'update', 'patch', 'delete'], 'endpointslices.discovery.k8s.io', 'bothy-system'),
      'create serviceaccounts/token in bothy-system',
      'connect workspaces.bothy.dev in team-a',
    ],
  },
  {
    who: 'anybody',
    may: ['get configmaps bothy in bothy-system'],
    mayNot: [
      'list configmaps in bothy-system',
      'get configmaps bothy-limits in bothy-system',
      'patch configmaps bothy in bothy-system',
      'list endpointslices.discovery.k8s.io in bothy-system',
      'create pods/portforward in bothy-system',
      'get secrets bothy-key in bothy-system',
      ...OURS.flatMap((resource) => all([...READS, ...WRITES], resource, 'team-a')),
    ],
  },
]

function reviewOf(who: string, wish: Wish): object {
  const [, verb, what = '', name, namespace] = /^(\S+) (\S+)(?: (\S+))? in (\S+)$/.exec(wish) ?? []
  const [path = '', subresource] = what.split('/')
  const [resource, ...group] = path.split('.')
  const attributes = { verb, group: group.join('.'), resource, subresource, name, namespace: namespace === '*' ? undefined : namespace }
  return {
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SubjectAccessReview',
    metadata: {},
    spec: { user: who, groups: groupsOf(who), resourceAttributes: attributes },
  }
}

describe.skipIf(noOwnCluster !== null)(`rights${noOwnCluster ? ` (${noOwnCluster})` : ''}`, () => {
  let cluster: OwnCluster
  beforeAll(async () => {
    cluster = await deployedCluster()
    await must(cluster, ['create', 'namespace', 'team-a'])
    for (const role of ['view', 'edit', 'admin', 'bothy-templates', 'bothy-connect', 'bothy-use'])
      await must(cluster, ['-n', 'team-a', 'create', 'rolebinding', role, '--clusterrole', role, '--user', `${role}-of-team-a`])
    const through = 'bothy-connect-through'
    await must(cluster, ['-n', SYSTEM, 'create', 'rolebinding', through, '--role', through, '--user', through])
    await untilInForce(cluster)
    // kubectl remembers which kinds there are, and may have asked before ours were.
    await until('our kinds to be known', async () => (await cluster.kubectl(['get', 'bothy', '-A'])).code === 0)
    return () => cluster.kill()
  })

  test.each(ROWS)('$who', async ({ who, may, mayNot }) => {
    const wishes = [...may, ...mayNot]
    const answered = await must(
      cluster,
      ['create', '-f', '-', '-o', 'jsonpath={.status.allowed}{"\\n"}'],
      wishes.map((wish) => JSON.stringify(reviewOf(who, wish))).join('\n'),
    )
    const allowed = answered
      .trim()
      .split('\n')
      .map((line) => line === 'true')
    expect(allowed).toHaveLength(wishes.length)
    expect(wishes.filter((_, i) => allowed[i])).toEqual(may)
  })

  test.each([
    ['bothy-use', ''],
    ['bothy-templates', /is attempting to grant RBAC permissions not currently held[^]*Resources:\["templates"\], Verbs:\["create"/],
  ])('who administers a namespace hands on %s: %s', async (role, refused) => {
    const give = ['-n', 'team-a', 'create', 'rolebinding', 'given', '--clusterrole', role, '--user', 'eve', '--dry-run=server']
    const { stderr } = await cluster.kubectl([...as('admin-of-team-a'), ...give])
    if (refused === '') expect(stderr).toBe('')
    else expect(stderr).toMatch(refused)
  })

  // With a kind of the whole cluster among them, the answer would end with what a namespace's role cannot give.
  test.each(['view', 'edit', 'admin', 'bothy-use'])('%s of a namespace sees everything of ours in it at once', async (role) => {
    const { code, stderr } = await cluster.kubectl(['-n', 'team-a', ...as(`${role}-of-team-a`), 'get', 'bothy'])
    expect({ code, stderr }).toEqual({ code: 0, stderr: 'No resources found in team-a namespace.\n' })
  })

  test('no role of ours has a wildcard, and none reads Secrets of the whole cluster', async () => {
    const { items } = JSON.parse(
      await must(cluster, ['get', 'clusterroles,roles', '-A', '-l', 'app.kubernetes.io/part-of=bothy', '-o', 'json']),
    ) as {
      items: readonly { kind: string; metadata: { name: string }; rules: readonly Record<string, readonly string[] | undefined>[] }[]
    }
    expect(items.length).toBeGreaterThan(8)
    for (const { kind, metadata, rules } of items) {
      for (const rule of rules) {
        expect(Object.values(rule).flat(), metadata.name).not.toContain('*')
        if (kind === 'ClusterRole') expect(rule['resources'] ?? [], metadata.name).not.toContain('secrets')
      }
    }
  })
})
