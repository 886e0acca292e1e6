import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { parse, parseAllDocuments, stringify } from 'yaml'
import { until } from '../support/until.ts'
import { ownCluster, type OwnCluster, type TestCluster } from '../support/cluster.ts'

/** A real API server with everything of deploy/ in it, and people with the roles that a cluster gives them. */

export const ROOT = join(import.meta.dirname, '../..')
export const DEPLOY = join(ROOT, 'deploy')

export interface Identity {
  readonly user: string
  readonly groups?: readonly string[]
}

export const SYSTEM = 'bothy-system'
export const CONTROLLER = 'system:serviceaccount:bothy-system:bothy-controller'
export const PROVISIONER = 'system:serviceaccount:bothy-system:bothy-provisioner'
/** What a pod of a workspace would be, if a token were mounted into it. */
export const WORKSPACE = 'system:serviceaccount:bothy-workspaces:default'

export const groupsOf = (user: string): readonly string[] => {
  const account = /^system:serviceaccount:([^:]+):/.exec(user)
  return account ? ['system:serviceaccounts', `system:serviceaccounts:${account[1]}`, 'system:authenticated'] : ['system:authenticated']
}

export const as = (user: string): readonly string[] => ['--as', user, ...groupsOf(user).flatMap((group) => ['--as-group', group])]

/** With policies the API server watches itself, and takes a minute to end in order: `kill` it, nothing of this one is kept. */
export async function deployedCluster(folder = '.'): Promise<OwnCluster> {
  const cluster = await ownCluster({ crds: false })
  await apply(cluster, join(DEPLOY, folder))
  return cluster
}

export interface Rendered {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly labels?: Readonly<Record<string, string>> }
  readonly spec?: { readonly template?: { readonly metadata: object; readonly spec: object } }
}

export const objectsIn = (yaml: string): readonly Rendered[] =>
  parseAllDocuments(yaml).flatMap((document) => {
    const object = document.toJS() as Rendered | null
    return object ? [object] : []
  })

/** What must work, or the test is over. */
export async function must(cluster: TestCluster, args: readonly string[], input?: unknown): Promise<string> {
  const answer = await cluster.kubectl(
    args,
    input === undefined ? {} : { input: typeof input === 'string' ? input : JSON.stringify(input) },
  )
  expect(answer.code, `kubectl ${args.join(' ')}: ${answer.stderr}`).toBe(0)
  return answer.stdout
}

export async function apply(cluster: TestCluster, folder = DEPLOY): Promise<void> {
  await must(cluster, ['apply', '-k', folder])
}

/** Roles are added up, and policies are in force, a moment after they are there. */
export async function untilInForce(cluster: TestCluster): Promise<void> {
  await until(
    'roles to be added up',
    async () => {
      const { stdout } = await cluster.kubectl(['get', 'clusterrole', 'admin', 'edit', 'view', '-o', 'json'])
      const { items } = JSON.parse(stdout) as { items: readonly { rules: readonly { apiGroups: readonly string[] }[] }[] }
      return items.every(({ rules }) => rules.some(({ apiGroups }) => apiGroups.includes('bothy.dev')))
    },
    { everyMs: 100 },
  )
}

/** A policy is in force when it refuses what it is there for. */
export async function untilRefused(cluster: TestCluster, args: readonly string[], input: unknown, words: RegExp): Promise<void> {
  await until(
    `a policy to say ${words.source}`,
    async () => {
      const { code, stderr } = await cluster.kubectl(args, { input: JSON.stringify(input) })
      return code !== 0 && words.test(stderr)
    },
    { everyMs: 100 },
  )
}

export const workspace = (name: string, namespace: string, spec: object, metadata: object = {}) => ({
  apiVersion: 'bothy.dev/v1alpha1',
  kind: 'Workspace',
  metadata: { name, namespace, ...metadata },
  spec: { template: { name: 'node' }, ...spec },
})

export const template = (name: string, namespace: string, spec: object = {}) => ({
  apiVersion: 'bothy.dev/v1alpha1',
  kind: 'Template',
  metadata: { name, namespace },
  spec: { source: { type: 'Inline', inline: { files: { 'main.tf': 'terraform {}' } } }, ...spec },
})

export const request = (namespace: string, spec: object) => ({
  apiVersion: 'bothy.dev/v1alpha1',
  kind: 'WorkspaceRequest',
  metadata: { generateName: 'ask-', namespace },
  spec,
})

/** As in its pod: a token of its service account, and pods of workspaces where its second role is. */
export async function kubeconfigOf(cluster: TestCluster, account: string, home: string): Promise<string> {
  const [, , namespace = '', name = ''] = account.split(':')
  const token = (await must(cluster, ['-n', namespace, 'create', 'token', name])).trim()
  const config = parse(readFileSync(cluster.kubeconfig, 'utf8')) as {
    users: { name: string }[]
    contexts: { name: string; context: object }[]
  }
  const file = join(home, 'kubeconfig')
  const users = config.users.map(({ name: user }) => ({ name: user, user: { token } }))
  const contexts = config.contexts.map((each) => ({
    name: each.name,
    context: Object.assign(each.context, { namespace: 'bothy-workspaces' }),
  }))
  writeFileSync(file, stringify({ ...config, users, contexts }), { mode: 0o600 })
  return file
}
