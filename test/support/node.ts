import { spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { constants, copyFileSync, cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { networkInterfaces, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { randomSuffix } from '../../controller/kernel/names.ts'
import { containerdConfig, kubeletConfig, networkConfig, PAUSE } from '../cluster/node/files.ts'
import { writeImage, type ImageOptions } from '../cluster/node/image.ts'
import { endsWithFile, nodeProgram, noNodeProgram, ownCluster, type OwnCluster } from './cluster.ts'
import { rootfs } from './docker.ts'
import { until } from './until.ts'

/** A cluster of one's own with a node on which pods really run. */
export interface TestNode extends OwnCluster {
  /** Where pods reach this machine: what is to be reached by them listens here. */
  readonly host: string
}

const NODE = 'node-1'
/** Images of a gigabyte are taken in first, on a machine that does much else. */
const READY_MS = 180_000

const NEEDED = {
  containerd: '/usr/bin/containerd',
  runc: '/usr/sbin/runc',
  'containernetworking-plugins': '/usr/lib/cni/bridge',
  iptables: '/usr/sbin/iptables',
  iproute2: '/usr/sbin/ip',
  'busybox-static': '/bin/busybox',
}

/** Why no pod can run here; null: they can. In CI it is a failure instead of a skip. */
export const noNode: string | null = whyNot()

function whyNot(): string | null {
  if (noNodeProgram !== null) return noNodeProgram
  const missing = Object.entries(NEEDED).flatMap(([name, file]) => (existsSync(file) ? [] : [name]))
  const why =
    process.platform !== 'linux' || process.getuid?.() !== 0
      ? 'only root on Linux can run pods'
      : !existsSync('/sys/fs/cgroup/memory')
        ? 'pods were only tried on cgroup v1 here'
        : missing.length > 0
          ? `missing: apt-get install --no-install-recommends ${missing.join(' ')}`
          : null
  if (why !== null && process.env['CI'] === '1') throw new Error(why)
  return why
}

export interface Image extends ImageOptions {
  readonly name: string
  /** The tar of a root file system. */
  readonly layer: Buffer
}

interface Held {
  readonly images?: readonly Image[]
  /** Files as `docker save` writes them. */
  readonly archives?: readonly string[]
  readonly crds?: boolean
}

/** Ended after the file's tests, as each cluster of one's own; also when whoever runs it is killed. */
export async function theNode({ crds = true, ...held }: Held = {}): Promise<TestNode> {
  const addresses = freeAddresses()
  const base = mkdtempSync(join(tmpdir(), 'bothy-node-'))
  const folder = join(base, 'node')
  const node = await startNode(folder, addresses, held).catch((error: unknown) => {
    rmSync(base, { recursive: true, force: true })
    throw error
  })
  const { close: closeNode } = endsWithFile(async () => {
    await node.close()
    rmSync(base, { recursive: true, force: true })
  })
  // The cable is there, and with it the address that pods know the server by.
  const cluster = await ownCluster({ crds, manager: false, more: ['-ip', addresses.host, '-node', NODE, '-node-ip', addresses.node] })
  giveKeys(dirname(cluster.kubeconfig), folder)
  const close = async () => {
    await closeNode()
    await cluster.close()
  }
  const wait = ['wait', '--for=condition=Ready', `node/${NODE}`, '--timeout=5s']
  try {
    await until('the node to be ready', async () => (await cluster.kubectl(wait)).code === 0, { limitMs: READY_MS, everyMs: 100 })
  } catch (error) {
    throw new Error(`${String(error)}\n${node.complaints()}`, { cause: error })
  }
  await cluster.kubectl(['apply', '-f', '-'], { input: JSON.stringify(STORAGE_CLASS) })
  return { ...cluster, close, host: addresses.host }
}

/** Volumes are folders of the node. */
const STORAGE_CLASS = {
  apiVersion: 'storage.k8s.io/v1',
  kind: 'StorageClass',
  metadata: { name: 'standard', annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } },
  provisioner: 'kubernetes.io/host-path',
}

interface Addresses {
  readonly host: string
  readonly node: string
  readonly pods: string
}

/** Of the range for measuring networks, which is nobody's. Files that run at the same time choose among different ones. */
function freeAddresses(): Addresses {
  const worker = Number(process.env['VITEST_POOL_ID'] ?? 0)
  const used = new Set(Object.values(networkInterfaces()).flatMap((each) => each?.map(({ address }) => address) ?? []))
  const free = Array.from({ length: 16 }, (_, at) => at * 16 + (worker % 4) * 4).filter((at) => !used.has(`198.19.0.${at + 1}`))
  const at = free[randomInt(free.length)] ?? 0
  return { host: `198.19.0.${at + 1}`, node: `198.19.0.${at + 2}`, pods: `198.18.${at}.0/24` }
}

async function startNode(folder: string, { host, node, pods }: Addresses, held: Held) {
  const id = randomSuffix(6)
  prepare(folder, id, pods, held)
  const script = join(import.meta.dirname, '../cluster/node/node.sh')
  const programs = dirname(nodeProgram())
  const child = spawn('sh', [script, folder, id, host, node, pods, programs], { stdio: ['pipe', 'pipe', 'pipe'] })
  let complaints = ''
  child.stderr.on('data', (data: Buffer) => (complaints += data.toString()))
  const ended = new Promise<void>((settle) => child.once('close', () => settle()))
  const connected = (async () => {
    for await (const line of createInterface({ input: child.stdout })) if (line === 'connected') return true
    return false
  })()
  if (!(await Promise.race([connected, ended.then(() => false)]))) throw new Error(`the node ended: ${complaints}`)
  return {
    complaints: () => complaints,
    close: async () => {
      child.stdin.end()
      await ended
    },
  }
}

function prepare(folder: string, id: string, pods: string, { images = [], archives = [] }: Held): void {
  for (const name of ['images', 'cni', 'keys', 'log']) mkdirSync(join(folder, name), { recursive: true })
  writeFileSync(join(folder, 'containerd.toml'), containerdConfig())
  writeFileSync(join(folder, 'cni', '10-bothy.conflist'), networkConfig(pods))
  writeFileSync(join(folder, 'kubelet.yaml'), kubeletConfig(id))
  writeFileSync(join(folder, 'resolv.conf'), '')
  const pause: Image = { name: PAUSE, layer: rootfs(folder, { glibc: false }), command: ['/bin/sleep', '2147483647'] }
  for (const [at, { name, layer, ...options }] of [pause, ...images].entries())
    writeImage(join(folder, 'images', `${at}.tar`), name, layer, options)
  for (const [at, archive] of archives.entries())
    copyFileSync(archive, join(folder, 'images', `archive-${at}.tar`), constants.COPYFILE_FICLONE)
}

function giveKeys(state: string, folder: string): void {
  cpSync(join(state, 'keys'), join(folder, 'keys'), { recursive: true })
  writeFileSync(join(folder, 'keys', 'complete'), '')
}
