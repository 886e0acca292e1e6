import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { createServer, connect } from 'node:net'
import { join } from 'node:path'
import { userInfo } from 'node:os'
import { until } from '../../test/support/until.ts'
import { timed } from './bench.ts'
import { relayCommand, tcpRelays, type Entered } from './hops.ts'
import { killQuietly, type Place } from './place.ts'
import { BOTHY, collected, exitOf, run, searchPath } from './programs.ts'

/** OpenSSH's client, and what it is given to reach a server. */
export interface Ssh {
  /** From the start of the client to its end. */
  timed(command: string): Promise<number>
  /** Many bytes from a program here to one there, or back, on a connection that stands: from the first byte to the end. */
  moved(to: 'up' | 'down', bytes: number): Promise<number>
  /** A terminal there, as a child whose pipes are its screen and its keys. */
  terminal(command: string): ChildProcess
}

/** What both servers have and OpenSSH takes from the hardware. The client of today would itself prefer chacha20. */
export const CIPHER = 'aes128-gcm@openssh.com'

const environment = { PATH: `${searchPath()}:/usr/sbin:/sbin`, HOME: '/nonexistent', LANG: 'C.UTF-8' }
const LIMIT_MS = 10_000

function clientOf(options: readonly string[], host: string): Ssh {
  const args = [...options, '-o', 'LogLevel=ERROR', '-c', CIPHER]
  const ended = async (child: ChildProcess, said: () => string) => {
    const code = await exitOf(child)
    if (code !== 0) throw new Error(`ssh ${host} exited with ${code}: ${said()}`)
  }
  return {
    timed: (command) =>
      timed(async () => {
        const child = spawn('ssh', [...args, host, command], { env: environment, stdio: ['ignore', 'ignore', 'pipe'] })
        await ended(child, collected(child).stderr)
      }),
    async moved(to, bytes) {
      // Neither begins before the connection stands and the other end is there.
      const source = `read -r go <&3; exec head -c ${bytes} /dev/zero`
      const feed = to === 'up' ? spawn('sh', ['-c', source], { env: environment, stdio: ['ignore', 'pipe', 'ignore', 'pipe'] }) : null
      const command =
        to === 'up' ? `echo ready >&2; exec head -c ${bytes} >/dev/null` : `echo ready >&2; read -r go; head -c ${bytes} /dev/zero`
      const child = spawn('ssh', [...args, host, command], { env: environment, stdio: [feed?.stdout ?? 'pipe', 'ignore', 'pipe'] })
      // The client's now: this end would keep the pipe open after the feed has ended.
      feed?.stdout?.destroy()
      const said = collected(child)
      await until('the connection to stand', () => child.exitCode !== null || said.stderr().includes('ready'), {
        limitMs: LIMIT_MS,
        everyMs: 2,
      })
      const begin = feed?.stdio[3] ?? child.stdin
      return timed(async () => {
        if (begin && 'write' in begin) begin.write('go\n')
        await ended(child, said.stderr)
      })
    },
    terminal: (command) => spawn('ssh', [...args, '-tt', host, command], { env: environment, stdio: ['pipe', 'pipe', 'inherit'] }),
  }
}

/** Ours, as `bothy config-ssh` sets it up. */
export async function workspaceSsh(place: Place, { env }: Entered): Promise<Ssh> {
  const config = join(place.folder, 'bothy-ssh-config')
  await run(process.execPath, [...BOTHY, 'config-ssh', '--file', config], env)
  return clientOf(['-F', config], 'dev.bothy')
}

/** OpenSSH's server behind a relay of TCP, and a ProxyCommand that is one as well: as many processes as ours has. */
export async function opensshBehindRelay(place: Place): Promise<Ssh> {
  const { port, clientAt } = await openssh(place)
  return clientAt((await tcpRelays(place, 1, port)).port)
}

/** `clientAt` a port that leads to it. */
export async function openssh(place: Place): Promise<{ readonly port: number; readonly clientAt: (relayPort: number) => Ssh }> {
  const folder = join(place.folder, 'openssh')
  mkdirSync(folder, { mode: 0o755 })
  const key = join(folder, 'key')
  const hostKey = join(folder, 'host-key')
  for (const file of [key, hostKey]) await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', file], environment)
  const authorized = join(folder, 'authorized')
  await run('cp', [`${key}.pub`, authorized], environment)
  chmodSync(authorized, 0o600)
  const port = await freePort()
  const config = join(folder, 'sshd_config')
  writeFileSync(config, `${serverSettings(port, hostKey, authorized).join('\n')}\n`)
  // Debian's server wants it, and its init script makes it.
  if (process.getuid?.() === 0 && !existsSync('/run/sshd')) mkdirSync('/run/sshd', { mode: 0o755 })
  const sshd = spawn('/usr/sbin/sshd', ['-D', '-e', '-f', config], { env: environment, stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  sshd.stderr.on('data', (data: Buffer) => (said += data.toString()))
  place.onLeave(() => killQuietly(sshd.pid ?? 0, 'SIGTERM'))
  await until('sshd to listen', async () => sshd.exitCode !== null || (await answers(port)), { limitMs: LIMIT_MS })
  if (sshd.exitCode !== null) throw new Error(`sshd ended with ${sshd.exitCode}: ${said}`)
  return { port, clientAt: (relayPort) => clientThrough(relayPort, key) }
}

function clientThrough(relayPort: number, key: string): Ssh {
  const settings = {
    ProxyCommand: relayCommand(relayPort).join(' '),
    IdentityFile: key,
    IdentitiesOnly: 'yes',
    UserKnownHostsFile: '/dev/null',
    StrictHostKeyChecking: 'no',
  }
  const options = Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`])
  return clientOf(['-F', 'none', ...options], `${userInfo().username}@sshd`)
}

const serverSettings = (port: number, hostKey: string, authorized: string): readonly string[] => [
  `ListenAddress 127.0.0.1:${port}`,
  `HostKey ${hostKey}`,
  `AuthorizedKeysFile ${authorized}`,
  'PermitRootLogin prohibit-password',
  'PasswordAuthentication no',
  'UsePAM no',
  'StrictModes no',
  'PidFile none',
]

const answers = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.on('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.on('error', () => resolve(false))
  })

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  return typeof address === 'object' ? (address?.port ?? 0) : 0
}
