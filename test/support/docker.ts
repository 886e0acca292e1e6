import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { systemClock } from '../../controller/kernel/clock.ts'
import { openDocker, type Docker } from '../../controller/machines/docker.ts'
import { until } from './until.ts'

/**
 * A Docker daemon of this test's own: its own folders, socket and pid file, no bridge, no rules of the firewall. Nothing of it is
 * left when it is closed, and the settings of the kernel that it may change are as they were.
 */
export interface Daemon {
  readonly socket: string
  readonly docker: Docker
  readonly pid: number
  /** SIGKILL, or an orderly end; its containers end with it. */
  stop(signal?: NodeJS.Signals): Promise<void>
  start(): Promise<void>
  /** An image of busybox, and with `node` of the shared libraries that Node needs. */
  image(name: string, options?: { readonly glibc?: boolean; readonly user?: string; readonly shell?: boolean }): Promise<void>
  /** What `docker exec` prints. */
  exec(container: string, ...command: string[]): Promise<string>
  close(): Promise<void>
}

/** Why there can be none here; null: there can. In CI a missing component is a failure, not a skip. */
export function dockerMissing(): string | null {
  const missing =
    process.getuid?.() === 0
      ? ['/usr/sbin/dockerd', '/bin/busybox'].find((file) => !existsSync(file))
      : 'the rights of root, which dockerd needs'
  if (missing === undefined) return null
  const why = `${missing} is missing: apt-get install --no-install-recommends docker.io iptables busybox-static`
  if (process.env['CI'] === '1') throw new Error(why)
  return why
}

const KERNEL_SETTINGS = [
  '/proc/sys/net/ipv4/ip_forward',
  '/proc/sys/net/bridge/bridge-nf-call-iptables',
  '/proc/sys/net/bridge/bridge-nf-call-ip6tables',
] as const

export async function startDocker(): Promise<Daemon> {
  const base = mkdtempSync(join(tmpdir(), 'bothy-docker-'))
  const socket = join(base, 'docker.sock')
  const docker = openDocker({ sockets: [socket], clock: systemClock })
  const settings = KERNEL_SETTINGS.filter((file) => existsSync(file)).map((file) => [file, readFileSync(file, 'utf8')] as const)
  let child: ChildProcess | null = null
  let ended: Promise<unknown> = Promise.resolve()

  const start = async () => {
    const log = openSync(join(base, 'log'), 'a')
    const started = spawn('/usr/sbin/dockerd', argumentsIn(base), { stdio: ['ignore', log, log] })
    child = started
    ended = new Promise((settle) => started.once('exit', settle))
    await until('dockerd to answer', () => docker.ping().then(() => true), { limitMs: 90_000, everyMs: 50 }).catch((error: unknown) => {
      throw new Error(`${String(error)}\n${readFileSync(join(base, 'log'), 'utf8').slice(-4000)}`)
    })
  }
  const stop = async (signal: NodeJS.Signals = 'SIGTERM') => {
    child?.kill(signal)
    await ended
    child = null
  }
  const daemon: Daemon = {
    socket,
    docker,
    get pid() {
      return child?.pid ?? 0
    },
    start,
    stop,
    image: (name, { glibc = true, user = '', shell = true } = {}) => importImage(socket, base, name, { glibc, user, shell }),
    exec: (container, ...command) => exec(docker, container, command),
    async close() {
      if (!child) await start()
      await removeEverything(docker)
      await stop()
      for (const mount of mountsBelow(base)) execFileSync('umount', ['-l', mount])
      rmSync(base, { recursive: true, force: true, maxRetries: 5 })
      for (const [file, value] of settings) if (readFileSync(file, 'utf8') !== value) writeFileSync(file, value)
    },
  }
  await start()
  return daemon
}

const argumentsIn = (base: string): string[] => [
  '--data-root',
  join(base, 'data'),
  '--exec-root',
  join(base, 'exec'),
  '--pidfile',
  join(base, 'pid'),
  '--host',
  `unix://${join(base, 'docker.sock')}`,
  '--bridge=none',
  '--iptables=false',
  '--ip6tables=false',
  '--ip-forward=false',
  '--ip-masq=false',
]

/** Networks are interfaces of this machine, which would outlive the daemon. */
async function removeEverything(docker: Docker): Promise<void> {
  const containers = (await docker.call('GET', '/containers/json', { query: { all: '1' } })).json as { Id: string }[]
  for (const { Id } of containers) await docker.call('DELETE', `/containers/${Id}`, { query: { force: 'true' } })
  const networks = (await docker.call('GET', '/networks')).json as { Id: string; Name: string }[]
  for (const { Id, Name } of networks) if (!['none', 'host', 'bridge'].includes(Name)) await docker.call('DELETE', `/networks/${Id}`)
}

const mountsBelow = (base: string): string[] =>
  readFileSync('/proc/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[1] ?? '')
    .filter((mount) => mount.startsWith(`${base}/`))
    .toReversed()

const PASSWD = 'root:x:0:0:root:/root:/bin/sh\nada:x:1815:1815:Ada:/home/ada:/bin/sh\n'

/** The files of an image, as a tar: a shell, what a shell needs, and perhaps the libraries of Node. */
export function rootfs(base: string, { glibc = true, shell = true }: { readonly glibc?: boolean; readonly shell?: boolean }): Buffer {
  const root = mkdtempSync(join(base, 'rootfs-'))
  for (const folder of ['bin', 'etc', 'tmp', 'root', 'home/ada', 'home/dev']) mkdirSync(join(root, folder), { recursive: true })
  execFileSync('chown', ['1815:1815', join(root, 'home/ada'), join(root, 'home/dev')])
  execFileSync('chmod', ['1777', join(root, 'tmp')])
  writeFileSync(join(root, 'etc/passwd'), PASSWD)
  writeFileSync(join(root, 'etc/group'), 'root:x:0:\nada:x:1815:\n')
  copyFileSync('/bin/busybox', join(root, 'bin/busybox'))
  chmodSync(join(root, 'bin/busybox'), 0o755)
  const applets = execFileSync('/bin/busybox', ['--list'], { encoding: 'utf8' }).split('\n')
  for (const applet of applets.filter((name) => /^[a-z]/.test(name) && name !== 'busybox'))
    if (shell || applet !== 'sh') symlinkSync('busybox', join(root, 'bin', applet))
  for (const file of glibc ? librariesOf(process.execPath) : []) {
    mkdirSync(join(root, dirname(file)), { recursive: true })
    copyFileSync(file, join(root, file))
    chmodSync(join(root, file), 0o755)
  }
  const tar = execFileSync('tar', ['-C', root, '-c', '.'], { maxBuffer: 256 * 1024 * 1024 })
  rmSync(root, { recursive: true })
  return tar
}

const librariesOf = (program: string): string[] =>
  [...execFileSync('ldd', [program], { encoding: 'utf8' }).matchAll(/(?:=> |^\s*)(\/\S+) \(0x/gm)].flatMap((match) => match[1] ?? [])

interface ImageOptions {
  readonly glibc: boolean
  readonly user: string
  readonly shell: boolean
}

function importImage(socketPath: string, base: string, name: string, { glibc, user, shell }: ImageOptions): Promise<void> {
  const [repo = '', tag = 'latest'] = name.split(':')
  const query = new URLSearchParams({ fromSrc: '-', repo, tag })
  query.append('changes', 'ENV PATH=/bin')
  if (user !== '') query.append('changes', `USER ${user}`)
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, method: 'POST', path: `/images/create?${query}`, headers: { host: 'docker' } }, (answer) => {
      let said = ''
      answer.on('data', (data: Buffer) => (said += data.toString()))
      answer.on('end', () => (answer.statusCode === 200 && !said.includes('"error"') ? resolve() : reject(new Error(said))))
    })
    asked.on('error', reject)
    asked.end(rootfs(base, { glibc, shell }))
  })
}

const FRAME_HEAD = 8

async function exec(docker: Docker, container: string, Cmd: readonly string[]): Promise<string> {
  const made = (await docker.call('POST', `/containers/${container}/exec`, { body: { Cmd, AttachStdout: true, AttachStderr: true } })).json
  const { bytes } = await docker.call('POST', `/exec/${(made as { Id: string }).Id}/start`, { body: { Detach: false, Tty: false } })
  let text = ''
  for (let at = 0; at + FRAME_HEAD <= bytes.length;) {
    const length = bytes.readUInt32BE(at + 4)
    text += bytes.toString('utf8', at + FRAME_HEAD, at + FRAME_HEAD + length)
    at += FRAME_HEAD + length
  }
  return text.trim()
}
