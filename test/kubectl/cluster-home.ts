import { spawn } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openWorld, type Plane } from '../controller/world.ts'
import { COMPILED } from '../support/compiled.ts'
import { root, type Ran } from '../support/bothy.ts'
import { endsWithFile, ownCluster, type OwnCluster } from '../support/cluster.ts'
import { withDatabase } from '../support/postgres.ts'

/** People of a cluster at their own machines: kubectl, our program as its plugin, and a kubeconfig each. */
export interface ClusterHome {
  readonly cluster: OwnCluster
  readonly plane: Plane
  readonly databaseUrl: string
  /** As an administrator. */
  apply(...objects: readonly object[]): Promise<void>
  must(...args: readonly string[]): Promise<string>
  /** Somebody with a kubeconfig of their own; `namespace` is that of their context. */
  person(account: string, namespace: string): Promise<Person>
  /** The administrator, whom a certificate names. */
  admin(namespace: string): Promise<Person>
}

export interface Person {
  /** Their home folder. */
  readonly home: string
  bothy(args: readonly string[], more?: { readonly input?: string; readonly env?: Readonly<Record<string, string>> }): Promise<Ran>
  kubectl(args: readonly string[], input?: string): Promise<Ran>
  /** Goes on until it is ended. */
  begin(args: readonly string[]): { output(): string; end(): void; readonly done: Promise<number> }
}

const PROGRAM = join(root, 'cli', 'main.ts')

export interface HomeOptions {
  /** Absent: an API server without a node. */
  readonly cluster?: OwnCluster
  /** Of the control plane. */
  readonly env?: Readonly<Record<string, string>>
}

export async function openClusterHome({ cluster: given, env: ofPlane = {} }: HomeOptions = {}): Promise<ClusterHome> {
  const cluster = given ?? (await ownCluster())
  const { url } = await withDatabase()
  const plane = await openWorld(cluster, url, ofPlane).controller('one', '--with-provisioner')
  const base = mkdtempSync(join(tmpdir(), 'bothy-people-'))
  endsWithFile(async () => rmSync(base, { recursive: true, force: true }))
  // As npm puts them there.
  const bin = join(base, 'bin')
  mkdirSync(bin)
  for (const name of ['bothy', 'kubectl-bothy']) symlinkSync(join(root, 'cli', 'bothy.js'), join(bin, name))
  const must = async (...args: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await cluster.kubectl(args)
    if (code !== 0) throw new Error(`kubectl ${args.join(' ')}: ${stderr}`)
    return stdout
  }
  const apply = async (...objects: readonly object[]): Promise<void> => {
    const input = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects })
    const { code, stderr } = await cluster.kubectl(['apply', '-f', '-'], { input })
    if (code !== 0) throw new Error(stderr)
  }
  const at = (name: string, kubeconfig: string): Person => {
    const home = join(base, name)
    const file = join(home, '.kube', 'config')
    mkdirSync(join(home, '.kube'), { recursive: true })
    writeFileSync(file, kubeconfig)
    chmodSync(file, 0o600)
    const env = { PATH: `${bin}:${process.env['PATH'] ?? ''}`, HOME: home, NO_COLOR: '1', LANG: 'C.UTF-8', ...COMPILED }
    const started = (program: string, args: readonly string[], more: Readonly<Record<string, string>> = {}) =>
      spawn(program, args, { env: { ...env, ...more }, cwd: home })
    return {
      home,
      bothy: (args, { input = '', env: more } = {}) => ran(started(process.execPath, [PROGRAM, ...args], more), input),
      kubectl: (args, input = '') => ran(started('kubectl', args), input),
      begin(args) {
        const child = started(process.execPath, [PROGRAM, ...args])
        let output = ''
        for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (output += text))
        return {
          output: () => output,
          end: () => void child.kill('SIGINT'),
          done: new Promise((resolve) => child.on('close', (code) => resolve(code ?? 128))),
        }
      },
    }
  }
  await apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'bothy-system' } })
  return {
    cluster,
    plane,
    databaseUrl: url,
    apply,
    must,
    async person(account, namespace) {
      await apply({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: account, namespace } })
      const token = (await must('create', 'token', account, '-n', namespace, '--duration=2h')).trim()
      return at(account, await kubeconfigOf(must, namespace, { token }))
    },
    admin: async (namespace) => at('admin', await kubeconfigOf(must, namespace, null)),
  }
}

async function kubeconfigOf(must: ClusterHome['must'], namespace: string, user: object | null): Promise<string> {
  const known = JSON.parse(await must('config', 'view', '--raw', '--minify', '-o', 'json')) as {
    contexts: { name: string; context: object }[]
    users: { name: string; user: object }[]
  }
  const [context] = known.contexts
  const [somebody] = known.users
  return JSON.stringify({
    ...known,
    'current-context': 'here',
    contexts: [{ name: 'here', context: { ...context?.context, namespace } }],
    users: [{ name: somebody?.name, user: user ?? somebody?.user }],
  })
}

function ran(child: ReturnType<typeof spawn>, input: string): Promise<Ran> {
  let stdout = ''
  let stderr = ''
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  child.stdin?.on('error', () => {}).end(input)
  return new Promise((resolve) => child.on('close', (code) => resolve({ code: code ?? 128, stdout, stderr })))
}

/** What helper roles of a deployment give a person of a namespace, and what lets them make tokens for themselves. */
export const rightsOf = (account: string, namespace: string, ...roles: readonly string[]): object[] => [
  ...roles.map((role) => binding(`${account}-${role}`, namespace, account, { kind: 'ClusterRole', name: role })),
  {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'Role',
    metadata: { name: `${account}-token`, namespace },
    rules: [{ apiGroups: [''], resources: ['serviceaccounts/token'], resourceNames: [account], verbs: ['create'] }],
  },
  binding(`${account}-token`, namespace, account, { kind: 'Role', name: `${account}-token` }),
]

const binding = (name: string, namespace: string, account: string, role: { readonly kind: string; readonly name: string }): object => ({
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind: 'RoleBinding',
  metadata: { name, namespace },
  roleRef: { apiGroup: 'rbac.authorization.k8s.io', ...role },
  subjects: [{ kind: 'ServiceAccount', name: account, namespace }],
})
