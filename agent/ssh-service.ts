import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2'
import type { Clock } from '../controller/kernel/clock.ts'
import { messageOf } from '../controller/kernel/errors.ts'
import { actorIn } from './actor.ts'
import type { AgentEnvironment } from './environment.ts'
import type { LifecycleKeeper } from './lifecycle.ts'
import type { Manifest, UseKind } from './protocol.ts'
import { answer } from './serve.ts'
import { createAuthAgent } from './ssh-auth-agent.ts'
import { transportOf } from './ssh-flow.ts'
import { serveForwards } from './ssh-forwards.ts'
import { loadSsh, mute, type Connection } from './ssh-library.ts'
import type { SshProcess } from './ssh-process.ts'
import { serveSession } from './ssh-session.ts'
import type { Stats } from './stats.ts'

/** The ssh server: each stream of `/ssh` is one client. Who comes this way is already let in, so it asks for nothing. */
export interface SshService {
  serve(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void
  /** TERM and HUP to what was started, and KILL for what is left after `graceMs`. */
  endAll(graceMs: number): Promise<void>
}

export interface SshPorts {
  readonly environment: AgentEnvironment
  readonly manifest: () => Manifest
  readonly lifecycle: Pick<LifecycleKeeper, 'now'>
  readonly stats: Pick<Stats, 'begin'>
  readonly clock: Clock
  readonly say: (line: string) => void
}

const CONNECTIONS_MAX = 256
const CHANNELS_MAX = 128
const HANDSHAKE_LIMIT_MS = 30_000
const KEEPALIVE_EVERY_MS = 30_000
const KEEPALIVES_UNANSWERED_MAX = 4
/** The key comes with the hello, once the build that made the agent has ended. */
const KEY_LIMIT_MS = 10_000
const KEY_LOOK_MS = 50

/**
 * Ciphers that Node's own OpenSSL does in hardware; chacha20 would be first for most clients, and is an order slower where
 * the library's native part did not build.
 */
const ALGORITHMS = {
  cipher: ['aes128-gcm@openssh.com', 'aes256-gcm@openssh.com', 'aes128-ctr', 'aes192-ctr', 'aes256-ctr'],
  compress: ['none'],
} as const

export function createSshService(ports: SshPorts): SshService {
  const { clock, say } = ports
  const processes = new Set<SshProcess>()
  let connections = 0

  const keyOf = async (): Promise<string> => {
    const limitAt = clock.elapsedMs() + KEY_LIMIT_MS
    while (!ports.manifest().sshHostKey && clock.elapsedMs() < limitAt) await clock.sleep(KEY_LOOK_MS)
    return ports.manifest().sshHostKey
  }
  const onStarted = (process: SshProcess) => {
    processes.add(process)
    void process.running.ended.then(() => processes.delete(process))
  }
  const begin = async (stream: ServerHttp2Stream, by: string) => {
    const [{ Server }, key] = await Promise.all([loadSsh(), keyOf()])
    if (stream.destroyed) return
    if (!key) return answer(stream, 503, { message: 'The agent has not been told its host key yet: the workspace is still being built.' })
    const server = new Server(
      {
        hostKeys: [key],
        ident: 'bothy',
        algorithms: { cipher: [...ALGORITHMS.cipher], compress: [...ALGORITHMS.compress] },
        keepaliveInterval: KEEPALIVE_EVERY_MS,
        keepaliveCountMax: KEEPALIVES_UNANSWERED_MAX,
      },
      (connection) => serveConnection(connection, stream, by, { ...ports, onStarted }),
    )
    server.on('error', () => {})
    stream.respond({ ':status': 200, 'content-type': 'application/octet-stream' })
    injected(server, stream)
  }

  return {
    serve(stream, headers) {
      if (connections >= CONNECTIONS_MAX)
        return answer(stream, 429, { message: `${CONNECTIONS_MAX} ssh connections are open in this workspace already.` })
      connections += 1
      stream.once('close', () => (connections -= 1))
      begin(stream, actorIn(headers)).catch((error: unknown) => {
        say(`an ssh connection could not be served: ${messageOf(error)}`)
        if (stream.headersSent) stream.close()
        else answer(stream, 503, { message: `The ssh server of the workspace does not start: ${messageOf(error)}` })
      })
    },
    async endAll(graceMs) {
      const living = [...processes]
      for (const { running, tty } of living) {
        running.signal('SIGTERM')
        if (tty) running.signal('SIGHUP')
      }
      await Promise.race([Promise.all(living.map(({ running }) => running.ended)), clock.sleep(graceMs)])
      for (const { running } of processes) running.signal('SIGKILL')
    },
  }
}

/** The library asks for a socket of the operating system, and uses what every stream has. */
function injected(server: { injectSocket(socket: never): unknown }, stream: ServerHttp2Stream): void {
  server.injectSocket(stream as never)
}

type ConnectionPorts = SshPorts & { readonly onStarted: (process: SshProcess) => void }

function serveConnection(connection: Connection, stream: ServerHttp2Stream, by: string, ports: ConnectionPorts): void {
  const transport = transportOf(stream, () => mute(connection))
  const authAgent = createAuthAgent(connection, transport)
  const kind: { now: UseKind } = { now: 'Ssh' }
  let channels = 0
  const takeChannel = () => channels < CHANNELS_MAX && (channels += 1) > 0
  const giveChannel = () => void (channels -= 1)
  const late = ports.clock.after(HANDSHAKE_LIMIT_MS, () => stream.close())

  connection.on('error', () => {})
  // Half closed by a client that is gone: nothing more can be said to it.
  connection.on('end', () => stream.end())
  connection.on('close', () => {
    late()
    authAgent.close()
  })
  connection.on('authentication', (context) => context.accept())
  connection.on('ready', () => late())
  connection.on('session', (accept, reject) => {
    if (!takeChannel()) return reject()
    const session = accept()
    session.on('close', giveChannel)
    serveSession(session, { ...ports, transport, authAgent, by, kind })
  })
  serveForwards(connection, { transport, stats: ports.stats, by, takeChannel, giveChannel })
}
