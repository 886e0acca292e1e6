import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import type { ClusterPrograms } from './programs.ts'

/** One kube-apiserver with etcd, and the controllers that a cluster without nodes needs. */
export interface Server {
  readonly url: string
  readonly kubeconfig: string
  readonly pid: number
  readonly child: ChildProcess
  /** Settles when the process has ended. */
  readonly ended: Promise<void>
}

export interface ServerOptions {
  readonly programs: ClusterPrograms
  /** Everything it writes. The program itself removes it, also when its owner was killed; not at the end of one that keeps. */
  readonly folder: string
  /** Goes on with what the folder has. */
  readonly keep?: boolean
  /** Lives on without whoever started it. */
  readonly detached?: boolean
  /** Namespaces, garbage, service accounts; a node brings a whole controller manager of its own. */
  readonly manager?: boolean
  /** More of our program's own flags, and after `--` those of kube-apiserver. */
  readonly more?: readonly string[]
}

const CRDS = resolve(import.meta.dirname, '../../crds')
const LOG_SHOWN_BYTES = 4000

export async function startServer(options: ServerOptions): Promise<Server> {
  const { programs, folder, keep = false, detached = false, manager = true, more = [] } = options
  const flags = [
    '-state',
    folder,
    ...(keep ? ['-keep'] : []),
    ...(detached ? ['-detached'] : []),
    ...(manager && programs.manager !== null ? ['-manager', programs.manager] : []),
    ...more,
  ]
  const [program = '', ...first] = programs.apiserver
  const child = spawn(program, [...first, ...flags], { stdio: [detached ? 'ignore' : 'pipe', 'pipe', 'ignore'], detached })
  child.stdin?.on('error', () => {})
  const ended = new Promise<void>((settle) => child.once('exit', () => settle()))
  const ready = await Promise.race([firstLine(child), ended.then(() => null)])
  if (ready === null) throw new Error(`the API server ended:\n${endOf(join(folder, 'log'))}`)
  return { ...(JSON.parse(ready) as { url: string; kubeconfig: string; pid: number }), child, ended }
}

const endOf = (file: string): string => (existsSync(file) ? readFileSync(file, 'utf8').slice(-LOG_SHOWN_BYTES) : '')

async function firstLine(child: ChildProcess): Promise<string | null> {
  if (child.stdout) for await (const line of createInterface({ input: child.stdout })) return line
  return null
}

export interface Said {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export interface KubectlOptions {
  readonly kubeconfig: string
  readonly home: string
  readonly input?: string
  readonly namespace?: string
  readonly env?: Readonly<Record<string, string>>
}

const SAID_BYTES_MAX = 256 * 1024 * 1024

/** With a home of the cluster's own: what kubectl remembers of a server must not outlive it. */
export function kubectl(args: readonly string[], { kubeconfig, home, input = '', namespace, env = {} }: KubectlOptions): Promise<Said> {
  return new Promise((settle) => {
    const child = execFile(
      'kubectl',
      [...(namespace === undefined ? [] : ['--namespace', namespace]), ...args],
      { env: { PATH: process.env['PATH'] ?? '', HOME: home, KUBECONFIG: kubeconfig, ...env }, maxBuffer: SAID_BYTES_MAX },
      (error, stdout, stderr) => settle({ code: error === null ? 0 : typeof error.code === 'number' ? error.code : 128, stdout, stderr }),
    )
    child.stdin?.on('error', () => {})
    child.stdin?.end(input)
  })
}

/** Fails with what kubectl said. */
export async function kubectlOk(args: readonly string[], options: KubectlOptions): Promise<string> {
  const { code, stdout, stderr } = await kubectl(args, options)
  if (code !== 0) throw new Error(`kubectl ${args.join(' ')} exited ${code}: ${stderr}`)
  return stdout
}

/** Ours, and served. */
export async function installCrds(options: KubectlOptions): Promise<void> {
  const files = readdirSync(CRDS).filter(
    (name) => name.endsWith('.yaml') && readFileSync(join(CRDS, name), 'utf8').includes('kind: CustomResourceDefinition'),
  )
  const named = files.flatMap((name) => ['-f', join(CRDS, name)])
  await kubectlOk(['apply', '--server-side', '--force-conflicts', ...named], options)
  await kubectlOk(['wait', '--for=condition=Established', '--timeout=120s', ...named], options)
}
