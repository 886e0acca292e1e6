import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { afterAll, inject } from 'vitest'
import { randomSuffix } from '../../controller/kernel/names.ts'
import type { GivenCluster } from '../cluster/given/kubeconfig.ts'
import { askForCluster } from '../cluster/host.ts'
import { clusterPrograms, type ClusterPrograms } from '../cluster/programs.ts'
import { installCrds, kubectl, kubectlOk, startServer, type Said, type Server, type ServerOptions } from '../cluster/server.ts'
import { freePort } from './ports.ts'

/** A real Kubernetes API server for tests: one of the run, with a namespace for each test, or one of one's own. */

interface Wanted {
  readonly input?: string
  readonly namespace?: string
  readonly kubeconfig?: string
  readonly env?: Readonly<Record<string, string>>
}

export interface TestCluster {
  readonly kubeconfig: string
  readonly url: string
  /** A fresh one, with its service account. */
  namespace(prefix?: string): Promise<string>
  kubectl(args: readonly string[], options?: Wanted): Promise<Said>
}

export interface OwnCluster extends TestCluster {
  readonly pid: number
  /** SIGKILL; its data stays. */
  kill(): Promise<void>
  /** On the data there is, at the same address. */
  start(): Promise<void>
  close(): Promise<void>
}

const programs = await clusterPrograms()
const NO_NODE = 'a node is built, not given: unset KUBEBUILDER_ASSETS'

const onPath = (name: string) => (process.env['PATH'] ?? '').split(delimiter).some((folder) => existsSync(join(folder, name)))

/** Somebody's cluster, instead of the run's. */
const { given } = inject('cluster')

/** Why these tests cannot run here; null: they can. In CI it is a failure instead of a skip. */
export const noCluster: string | null = whyNot(given === null)

/** The same, of tests that need a cluster of their own: one that somebody gives is no such. */
export const noOwnCluster: string | null = whyNot(true)

function whyNot(needsPrograms: boolean): string | null {
  const why = !onPath('kubectl')
    ? 'kubectl is missing: kubernetes.io/docs/tasks/tools'
    : needsPrograms && 'missing' in programs
      ? programs.missing
      : null
  if (why !== null && process.env['CI'] === '1') throw new Error(why)
  return why
}

function thePrograms(): ClusterPrograms {
  if ('missing' in programs) throw new Error(programs.missing)
  return programs
}

/** The program of a node's components: those that are given have none. */
export function nodeProgram(): string {
  const { node } = thePrograms()
  if (node === null) throw new Error(NO_NODE)
  return node
}

/** Why no node can be had; null: one can. */
export const noNodeProgram: string | null = noOwnCluster ?? (thePrograms().node === null ? NO_NODE : null)

/** Why nothing removes namespaces and garbage here, or makes service accounts; null: something does. */
export const noControllers: string | null =
  noCluster ?? (given === null ? noManager() : given.controllers ? null : 'the cluster that is given has no controllers')

function noManager(): string | null {
  return thePrograms().manager === null ? 'KUBEBUILDER_ASSETS has no kube-controller-manager: put one there, or unset it' : null
}

/** The one of this run: started when first asked for, our CRDs installed. Never restart it or change its policies. */
export async function theCluster(): Promise<TestCluster> {
  if (given !== null) return installedIn(given)
  const { kubeconfig, url, home } = await askForCluster(inject('cluster').socket, thePrograms())
  return clusterAt({ kubeconfig, url, home })
}

const open = new Set<{ close(): Promise<void> }>()
afterAll(async () => {
  for (const each of [...open].toReversed()) await each.close()
})

async function installedIn({ kubeconfig }: GivenCluster): Promise<TestCluster> {
  const home = mkdtempSync(join(tmpdir(), 'bothy-given-cluster-'))
  endsWithFile(async () => rmSync(home, { recursive: true, force: true }))
  await installCrds({ kubeconfig, home })
  const url = await kubectlOk(['config', 'view', '--minify', '--output', 'jsonpath={.clusters[0].cluster.server}'], { kubeconfig, home })
  return clusterAt({ kubeconfig, url, home })
}

/** What this file's tests have started ends after them, the last first. Closing it earlier is telling so. */
export function endsWithFile(close: () => Promise<void>): { close(): Promise<void> } {
  const it = {
    close: async () => {
      if (open.delete(it)) await close()
    },
  }
  open.add(it)
  return it
}

/** One of your own: may be killed, restarted on its data, given policies. Closed after the file's tests at the latest. */
export async function ownCluster({
  crds = true,
  ...more
}: { readonly crds?: boolean } & Pick<ServerOptions, 'more' | 'manager'> = {}): Promise<OwnCluster> {
  const base = mkdtempSync(join(tmpdir(), 'bothy-own-cluster-'))
  // Killed, it comes back where it was: at no port that somebody else is given meanwhile. One with a node has an address of its own.
  if (!more.more?.includes('-node')) writeFileSync(join(base, 'port'), String(await freePort()))
  const start = () => startServer({ programs: thePrograms(), folder: base, keep: true, ...more })
  let server: Server = await start()
  const { kubeconfig, url } = server
  const end = async (signal: NodeJS.Signals) => {
    server.child.kill(signal)
    await server.ended
  }
  const { close } = endsWithFile(async () => {
    await end('SIGTERM')
    rmSync(base, { recursive: true, force: true, maxRetries: 5 })
  })
  if (crds) await installCrds({ kubeconfig, home: base })
  return {
    ...clusterAt({ kubeconfig, url, home: base }),
    get pid() {
      return server.pid
    },
    kill: () => end('SIGKILL'),
    start: async () => {
      server = await start()
    },
    close,
  }
}

function clusterAt({ kubeconfig, url, home }: { readonly kubeconfig: string; readonly url: string; readonly home: string }): TestCluster {
  const options = { kubeconfig, home }
  return {
    kubeconfig,
    url,
    kubectl: (args, wanted = {}) => kubectl(args, { ...options, ...wanted }),
    async namespace(prefix = 'test') {
      const name = `${prefix}-${randomSuffix(8)}`
      await kubectlOk(['create', 'namespace', name], options)
      if (noControllers !== null) await kubectlOk(['create', 'serviceaccount', 'default'], { ...options, namespace: name })
      await kubectlOk(['wait', '--for=create', 'serviceaccount/default', '--timeout=120s'], { ...options, namespace: name })
      return name
    },
  }
}
