import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import { join } from 'node:path'
import { enteredName, hostOf } from './entered-name.ts'
import { EXIT, Failure } from './failure.ts'
import { knownHostsFile } from './known-hosts.ts'
import type { Options } from './options.ts'
import { programFolder } from './package.ts'
import type { Session } from './session.ts'

/** Enters a workspace with the system's own ssh, which is led through the control plane. */

export async function run(session: Session, [name = '', ...command]: readonly string[], options: Options): Promise<number> {
  if (options.flag('stdio')) {
    const { sshStdio } = await import('./ssh-stdio.ts')
    return sshStdio(session, name, options)
  }
  const entered = enteredName(name, session.namespace)
  const proxy = proxyCommand([
    ...(options.flag('start') ? [] : ['--no-start']),
    ...(session.terminal.quiet ? ['--quiet'] : []),
    ...session.homeFlags,
  ])
  // ssh looks for options behind the host too: what begins with a dash there is the command's.
  const args = [...sshOptions(proxy, knownHostsFile(session.environment)), ...passedOn(options), '--', hostOf(entered), ...command]
  return ranSsh(
    args,
    session.environment.forChildren({
      // Beside a context it names the controller, and is passed on with that.
      BOTHY_URL: session.homeFlags.length > 0 ? null : options.text('url'),
      BOTHY_TOKEN: options.text('token'),
    }),
  )
}

/** What ssh starts in the place of a connection; `%h` is the host as it was typed. */
export const proxyCommand = (more: readonly string[] = []): string =>
  [...THIS_PROGRAM, 'ssh', '--stdio', ...more, '%h'].map((word) => (word === '%h' ? word : quoted(word.replaceAll('%', '%%')))).join(' ')

const THIS_PROGRAM = [process.execPath, '--disable-warning=ExperimentalWarning', join(programFolder, 'cli', 'main.ts')] as const

const quoted = (word: string): string => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`)

/** What holds for every workspace, as options of ssh; the values are those of the file that config-ssh writes. */
export const settings = (proxy: string, knownHosts: string): readonly (readonly [name: string, value: string])[] => [
  ['ProxyCommand', proxy],
  ['UserKnownHostsFile', `"${knownHosts.replaceAll('%', '%%')}"`],
  ['GlobalKnownHostsFile', 'none'],
  ['StrictHostKeyChecking', 'yes'],
  ['UpdateHostKeys', 'no'],
  ['HostKeyAlgorithms', 'ssh-ed25519'],
  ['ServerAliveInterval', '15'],
  ['ServerAliveCountMax', '4'],
]

const sshOptions = (proxy: string, knownHosts: string): string[] =>
  settings(proxy, knownHosts).flatMap(([name, value]) => ['-o', `${name}=${value}`])

/** Options of ssh itself, by our names of them. */
const LISTS = { local: '-L', remote: '-R', dynamic: '-D', option: '-o', identity: '-i' } as const
const FLAGS = { 'forward-agent': '-A', 'only-forward': '-N', tty: '-t', 'without-tty': '-T', verbose: '-v' } as const

function passedOn(options: Options): string[] {
  return [
    ...Object.entries(LISTS).flatMap(([name, flag]) => options.list(name).flatMap((value) => [flag, value])),
    ...Object.entries(FLAGS).flatMap(([name, flag]) => (options.flag(camelCase(name)) ? [flag] : [])),
    // A port that cannot be had is no reason to sit in a shell without it.
    ...(options.list('local').length + options.list('remote').length + options.list('dynamic').length > 0
      ? ['-o', 'ExitOnForwardFailure=yes']
      : []),
  ]
}

const camelCase = (name: string): string => name.replace(/-(\w)/g, (_match, letter: string) => letter.toUpperCase())

/** Keeps this program here while ssh does what the signal asks. */
const stay = () => {}

function ranSsh(args: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  const child = spawn('ssh', args, { stdio: 'inherit', env })
  // Ctrl-C is for ssh, which is in the same foreground; we only stay until it has ended.
  const pass = (name: NodeJS.Signals) => void child.kill(name)
  process.on('SIGINT', stay)
  process.on('SIGTERM', pass)
  process.on('SIGHUP', pass)
  return new Promise((resolve, reject) => {
    child.on('error', (error: NodeJS.ErrnoException) => reject(error.code === 'ENOENT' ? noSsh() : error))
    child.on('exit', (code, signal) => {
      process.off('SIGINT', stay)
      process.off('SIGTERM', pass)
      process.off('SIGHUP', pass)
      resolve(code ?? (signal ? 128 + constants.signals[signal] : 1))
    })
  })
}

const noSsh = (): Failure =>
  new Failure(EXIT.didNotBecomeSo, {
    what: 'no ssh is installed on this machine',
    where: 'PATH has no program ssh',
    fix: 'install OpenSSH: apt-get install openssh-client, dnf install openssh-clients, apk add openssh-client or brew install openssh; bothy exec needs none',
  })
