import type { Clock } from '../controller/kernel/clock.ts'
import { messageOf } from '../controller/kernel/errors.ts'
import type { AgentEnvironment } from './environment.ts'
import { hasForegroundJob } from './foreground.ts'
import type { Manifest, PtySize, UseKind } from './protocol.ts'
import { commandOf, workingFolder } from './resolve-command.ts'
import { isSignal } from './spawn.ts'
import type { AuthAgent } from './ssh-auth-agent.ts'
import type { Transport } from './ssh-flow.ts'
import type { ServerChannel, SessionEvents } from './ssh-library.ts'
import { joinProcess, startProcess, type SshProcess } from './ssh-process.ts'
import { NO_WAIT, say, whenReady, type LoginGate } from './ssh-wait.ts'
import { serveSftp } from './sftp.ts'
import type { Stats } from './stats.ts'

export interface SessionPorts extends LoginGate {
  readonly environment: AgentEnvironment
  readonly manifest: () => Manifest
  readonly clock: Clock
  readonly transport: Transport
  readonly authAgent: AuthAgent
  readonly stats: Pick<Stats, 'begin'>
  readonly by: string
  /** What the connection is used for, as far as it is known: an editor shows itself by what it runs. */
  readonly kind: { now: UseKind }
  /** Told of each process, so that the end of the machine is theirs. */
  readonly onStarted: (process: SshProcess) => void
}

const NAME = /^[A-Za-z_][A-Za-z0-9_]{0,127}$/
const VARIABLES_MAX = 256
const VARIABLES_BYTES_MAX = 128 * 1024
/** What the servers of editors are called where they are put. */
const EDITORS =
  /\.vscode-server|\.cursor-server|\.windsurf-server|\.vscodium-server|JetBrains|jetbrains|remote-dev-server|zed-remote-server/

/** One channel of a person: what is asked before it begins, and then a shell, a command, or files. */
export function serveSession(session: SessionEvents, ports: SessionPorts): void {
  const env: Record<string, string> = {}
  let bytes = 0
  let size: PtySize | null = null
  let term = ''
  let process: SshProcess | null = null

  session.on('env', (accept, reject, { key, val }) => {
    bytes += key.length + val.length
    if (!NAME.test(key) || val.includes('\0') || bytes > VARIABLES_BYTES_MAX || Object.keys(env).length >= VARIABLES_MAX) return reject?.()
    env[key] = val
    accept?.()
  })
  session.on('pty', (accept, _reject, info) => {
    size = { cols: dimension(info.cols, 80), rows: dimension(info.rows, 24) }
    term = 'term' in info && typeof info.term === 'string' ? info.term.slice(0, 64) : ''
    accept?.()
  })
  session.on('window-change', (accept, _reject, { cols, rows }) => {
    size = size && { cols: dimension(cols, size.cols), rows: dimension(rows, size.rows) }
    if (size) process?.running.resize(size.cols, size.rows)
    accept?.()
  })
  session.on('signal', (accept, _reject, { name }) => {
    const signal = `SIG${name}`
    if (isSignal(signal)) process?.running.signal(signal)
    accept?.()
  })
  session.on('auth-agent', (accept, reject) => {
    try {
      env['SSH_AUTH_SOCK'] = ports.authAgent.open()
      accept?.()
    } catch {
      reject?.()
    }
  })
  const run = async (channel: ServerChannel, command: string | null) => {
    channel.on('error', () => {})
    if (env[NO_WAIT] === undefined && !(await whenReady(ports, channel, size !== null))) return
    process = await start(channel, command, { env, size, term }, ports)
  }
  const begin = (accept: () => ServerChannel | undefined, command: string | null) => {
    const channel = accept()
    if (!channel) return
    run(channel, command).catch((error: unknown) => fail(channel, size !== null, 126, `this could not be started: ${messageOf(error)}`))
  }
  session.on('shell', (accept) => begin(accept, null))
  session.on('exec', (accept, _reject, { command }) => begin(accept, command))
  // Not 'sftp': the library's own takes whatever is sent, however fast, and has half of the extensions that people use.
  session.on('subsystem', (accept, reject, { name }) => {
    if (name !== 'sftp') return reject?.()
    const channel = accept()
    if (!channel) return
    const use = ports.stats.begin(ports.kind.now, ports.by)
    channel.on('close', use.end)
    serveSftp(channel, {
      start: workingFolder(ports.manifest(), ports.environment),
      home: ports.environment.home,
      transport: ports.transport,
      onBytes: use.touch,
    })
  })
}

interface Asked {
  readonly env: Readonly<Record<string, string>>
  readonly size: PtySize | null
  readonly term: string
}

async function start(
  channel: ServerChannel,
  command: string | null,
  { env, size, term }: Asked,
  ports: SessionPorts,
): Promise<SshProcess | null> {
  const { environment, clock, stats, kind } = ports
  if (command !== null && EDITORS.test(command)) kind.now = 'Ide'
  const found = commandOf(
    {
      argv: command === null ? [] : [environment.shell, '-c', command],
      tty: size,
      cwd: null,
      env: { ...PLACE, SHELL: environment.shell, ...(term ? { TERM: term } : {}), ...env },
    },
    ports.manifest(),
    environment,
  )
  const tty = size !== null
  if ('code' in found) return fail(channel, tty, found.code, found.message)
  const started = await startProcess(found, size, clock)
  if ('code' in started) return fail(channel, tty, started.code, started.message)
  if (started.lost) say(channel, tty, started.lost)
  const process = joinProcess(channel, started, tty, ports)
  const { running } = process
  // A shell that waits is no use; what was typed, or what runs in the foreground, is.
  const use = stats.begin(kind.now, ports.by, () => !tty || hasForegroundJob(running.pid) === true)
  channel.on('data', (data: Buffer) => use.touch(data.length))
  running.onOutput((_kind, data) => {
    if (!tty) use.touch(0, data.length)
  })
  const end = () => use.end()
  channel.on('close', end)
  void running.ended.then(end)
  ports.onStarted(process)
  return process
}

/** Programs ask these whether they were reached over ssh, and nothing more. */
const PLACE = { SSH_CONNECTION: '127.0.0.1 0 127.0.0.1 22', SSH_CLIENT: '127.0.0.1 0 22' } as const

function fail(channel: ServerChannel, tty: boolean, code: number, message: string): null {
  say(channel, tty, message)
  channel.exit(code)
  channel.end()
  return null
}

const dimension = (value: unknown, otherwise: number): number =>
  typeof value === 'number' && Number.isInteger(value) && value > 0 && value <= 65_535 ? value : otherwise
