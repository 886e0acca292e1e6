import { execFile, execFileSync, spawn } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { createConnection, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { rootfs } from '../support/docker.ts'
import { theNode, type TestNode } from '../support/node.ts'
import { withEmptyDatabase } from '../support/postgres.ts'
import { ROOT } from './deployed.ts'
import { IMAGE, theImage } from './image.ts'

/** A cluster with a node and nothing of ours but the image, and an administrator's checkout with kubectl and its plugin. */
export interface NodeHome {
  readonly node: TestNode
  readonly folder: string
  /** Of an empty database, as pods reach it. */
  readonly databaseUrl: string
  /** As somebody types it, in the checkout; answers what it printed. */
  sh(script: string): Promise<string>
  /** An address of this machine that leads to the port of a pod or Service, until the tests are over. */
  forwarded(what: string, port?: number): Promise<string>
  close(): Promise<void>
}

/** What the page's template has as image: it knows nothing of the certificate's authority, and is nobody's root. */
const WORKSPACE_IMAGE = 'registry.example.com/dev:1'
const LAYER_BYTES_MAX = 1024 * 1024 * 1024
const COMMAND_LIMIT_MS = 300_000

export async function openNodeHome(): Promise<NodeHome> {
  const archive = await theImage()
  const { url } = await withEmptyDatabase()
  const folder = mkdtempSync(join(tmpdir(), 'bothy-install-'))
  for (const each of ['crds', 'deploy']) cpSync(join(ROOT, each), join(folder, each), { recursive: true })
  mkdirSync(join(folder, 'bin'))
  symlinkSync(join(ROOT, 'cli', 'bothy.js'), join(folder, 'bin', 'kubectl-bothy'))
  certify(folder)
  const image = { name: WORKSPACE_IMAGE, layer: layer(), user: '1000:1000' }
  const node = await theNode({ archives: [archive], images: [image], crds: false })
  const database = await reachedAt(node.host, url)
  const forwards: { end(): Promise<void> }[] = []
  const env = {
    PATH: `${join(folder, 'bin')}:${process.env['PATH'] ?? ''}`,
    HOME: folder,
    KUBECONFIG: node.kubeconfig,
    NO_COLOR: '1',
    NODE_EXTRA_CA_CERTS: join(folder, 'ca.crt'),
  }
  return {
    node,
    folder,
    databaseUrl: database.url,
    sh: (script) =>
      new Promise((settle, fail) => {
        execFile('sh', ['-ec', script], { cwd: folder, env, timeout: COMMAND_LIMIT_MS }, (error, stdout, stderr) =>
          error ? fail(new Error(`${script}\n${stdout}${stderr}`)) : settle(stdout),
        )
      }),
    async forwarded(what, port = 7080) {
      const child = spawn('kubectl', ['-n', 'bothy-system', 'port-forward', what, `:${port}`], {
        env,
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      const ended = new Promise<void>((settle) => child.once('close', () => settle()))
      forwards.push({ end: () => (child.kill(), ended) })
      for await (const line of createInterface({ input: child.stdout })) {
        const [, address] = /^Forwarding from (127\.0\.0\.1:\d+)/.exec(line) ?? []
        if (address) return address
      }
      throw new Error(`kubectl port-forward ${what} ended`)
    },
    async close() {
      for (const each of forwards) await each.end()
      await node.close()
      await database.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** An authority, and a certificate of it for the Services' names and for this machine's own address. */
function certify(folder: string): void {
  const openssl = (line: string) => execFileSync('openssl', line.split(' '), { cwd: folder, stdio: 'ignore' })
  const fresh = '-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes'
  openssl(`req -x509 ${fresh} -keyout ca.key -out ca.crt -subj /CN=authority`)
  const names = 'DNS:bothy.bothy-system.svc,DNS:bothy-apps.bothy-system.svc,IP:127.0.0.1'
  openssl(`req -x509 ${fresh} -CA ca.crt -CAkey ca.key -keyout tls.key -out tls.crt -subj /CN=bothy -addext subjectAltName=${names}`)
}

function layer(): Buffer {
  const root = mkdtempSync(join(tmpdir(), 'bothy-workspace-image-'))
  try {
    execFileSync('tar', ['-C', root, '-xf', '-'], { input: rootfs(tmpdir(), {}) })
    return execFileSync('tar', ['-C', root, '-c', '.'], { maxBuffer: LAYER_BYTES_MAX })
  } finally {
    rmSync(root, { recursive: true, force: true })
  }
}

/** The database of this run listens on a socket of this machine; pods reach it at the port that policies of networks allow. */
async function reachedAt(host: string, local: string): Promise<{ readonly url: string; close(): Promise<void> }> {
  const url = new URL(local)
  const socket = join(url.searchParams.get('host') ?? '', '.s.PGSQL.5432')
  const open = new Set<Socket>()
  const server = createServer((asked) => {
    const answering = createConnection(socket)
    for (const [each, other] of [
      [asked, answering],
      [answering, asked],
    ] as const) {
      open.add(each)
      each.on('error', () => other.destroy())
      each.on('close', () => (other.destroy(), open.delete(each)))
      each.pipe(other)
    }
  })
  await new Promise<void>((settle, fail) => server.once('error', fail).listen(5432, host, settle))
  url.host = `${host}:5432`
  url.search = ''
  return {
    url: url.href.replace(/^postgresql:/, 'postgres:'),
    async close() {
      for (const each of open) each.destroy()
      await new Promise<void>((settle) => server.close(() => settle()))
    },
  }
}

/** The example of a kustomization, as its owner has changed it. */
export function ownKustomization(text: string, authority: string): string {
  const indented = readFileSync(authority, 'utf8').trim().replaceAll('\n', '\n          ')
  return text
    .replace('newName: registry.example.com/bothy', `newName: ${IMAGE.split(':')[0]}`)
    .replace('value: https://bothy.example.com', 'value: https://bothy.bothy-system.svc:7080')
    .replace(
      'value: https://apps.example.com',
      `value: https://bothy-apps.bothy-system.svc:7081\n      - op: add\n        path: /data/ca.crt\n        value: |\n          ${indented}`,
    )
}
