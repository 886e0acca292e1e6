import { randomUUID } from 'node:crypto'
import { WebSocket } from 'ws'
import { FRAME_BYTES_MAX } from '../agent/protocol.ts'
import { exponentialMs, jittered } from '../controller/kernel/backoff.ts'
import type { Clock } from '../controller/kernel/clock.ts'
import { keepSocketAlive } from '../controller/kernel/socket-pings.ts'
import { whyNoConnection } from './client.ts'
import { wayTo, type Endpoint } from './endpoint.ts'
import { createExecCall, type ExecCall } from './exec-call.ts'
import { passOn, sizeOfTerminal, type ExecIo } from './exec-keyboard.ts'
import { EXIT, Failure, usage } from './failure.ts'
import { inNamespace } from './objects.ts'
import type { Options } from './options.ts'
import { failureOfAnswer } from './refusal.ts'
import type { Session } from './session.ts'

/** Runs a command in a workspace, or a shell, as if it ran here. */

export interface Exec {
  /** Asked at every connection: a control plane that was started again may be elsewhere. */
  readonly endpoint: () => Promise<Endpoint>
  readonly namespace: string
  readonly workspace: string
  readonly agent: string | null
  /** Empty: a login shell. */
  readonly argv: readonly string[]
  readonly tty: boolean
  readonly cwd: string | null
  readonly env: Readonly<Record<string, string>>
  readonly io: ExecIo
  readonly clock: Clock
}

export async function run(session: Session, [name = '', ...argv]: readonly string[], options: Options): Promise<number> {
  const [workspace = '', agent = null] = name.split('.')
  const { environment, namespace, clock } = session
  return runExec({
    endpoint: () => session.client().endpoint(),
    namespace,
    workspace,
    agent,
    argv,
    tty: options.flag('tty') || (argv.length === 0 && process.stdin.isTTY === true && process.stdout.isTTY === true),
    cwd: options.text('cwd'),
    env: Object.fromEntries(options.list('env').map(variable)),
    io: process,
    clock,
  }).catch((error: unknown) => {
    const start = `start it: ${environment.program} start ${workspace}${inNamespace(namespace)}`
    throw error instanceof Failure && error.reason === 'Conflict' ? error.with({ fix: start }) : error
  })
}

function variable(text: string): [string, string] {
  const at = text.indexOf('=')
  if (at < 1) throw usage(`--env ${text} sets no variable`, 'write it as --env NAME=VALUE')
  return [text.slice(0, at), text.slice(at + 1)]
}

const PING_EVERY_MS = 15_000
const FIRST_BACKOFF_MS = 50
const MOST_BACKOFF_MS = 1000

/** Answers the exit code of the command. Throws `Failure` when it could not be run, or cannot be followed any more. */
export async function runExec(exec: Exec): Promise<number> {
  const { io, clock } = exec
  const left = new AbortController()
  let leftWith = 130
  let socket: WebSocket | null = null
  const call = createExecCall(
    {
      id: randomUUID(),
      argv: exec.argv,
      tty: exec.tty ? sizeOfTerminal(io) : null,
      stdin: true,
      cwd: exec.cwd,
      env: exec.env,
      background: false,
      whenFull: 'hold',
    },
    {
      output: { stdout: io.stdout, stderr: io.stderr },
      holdInput: (on) => (on ? io.stdin.pause() : io.stdin.resume()),
      say: (line) => io.stderr.write(`bothy: ${line}${exec.tty ? '\r' : ''}\n`),
    },
  )
  const restore = passOn(
    io,
    call,
    exec.tty,
    () => socket?.readyState === WebSocket.OPEN,
    (code) => {
      leftWith = code
      left.abort()
    },
  )
  try {
    const follow = keepFollowing(exec, call, left.signal, (next) => (socket = next))
    return await Promise.race([call.code, follow, whenLeft(left.signal, () => leftWith)])
  } finally {
    left.abort()
    restore()
    await closed(socket, clock)
  }
}

const whenLeft = (signal: AbortSignal, code: () => number): Promise<number> =>
  new Promise((resolve) => signal.addEventListener('abort', () => resolve(code()), { once: true }))

/** Connects, and again whenever the connection is lost; rejects when that cannot help. */
async function keepFollowing(exec: Exec, call: ExecCall, over: AbortSignal, onSocket: (socket: WebSocket) => void): Promise<never> {
  let failures = 0
  let told = false
  let connectedOnce = false
  for (;;) {
    try {
      const socket = await dialled(exec)
      onSocket(socket)
      failures = 0
      connectedOnce = true
      await followed(socket, call, exec.clock)
    } catch (error) {
      if (!connectedOnce || !(error instanceof Failure) || error.code !== EXIT.unreachable) throw error
    }
    if (over.aborted) return new Promise(() => {})
    failures += 1
    if (!told) exec.io.stderr.write(`bothy: the connection was lost; this goes on when the control plane is back${exec.tty ? '\r' : ''}\n`)
    told = true
    await exec.clock.sleep(jittered(exponentialMs(failures, FIRST_BACKOFF_MS, MOST_BACKOFF_MS), Math.random()), over)
  }
}

async function dialled({ endpoint, namespace, workspace, agent }: Exec): Promise<WebSocket> {
  const here = await endpoint()
  const { url, token, from } = here
  const path = `/apis/bothy.dev/v1alpha1/namespaces/${encodeURIComponent(namespace)}/workspaces/${encodeURIComponent(workspace)}/exec`
  const target = new URL(url.replace(/^http/, 'ws') + path)
  if (agent !== null) target.searchParams.set('agent', agent)
  const socket = new WebSocket(target, {
    headers: token === null ? {} : { authorization: `Bearer ${token}` },
    ...wayTo(here),
    perMessageDeflate: false,
    maxPayload: FRAME_BYTES_MAX * 2,
    handshakeTimeout: 15_000,
  })
  return new Promise((resolve, reject) => {
    socket.on('open', () => resolve(socket))
    socket.on('error', (error) => {
      const where = `${url} (${from}): ${whyNoConnection(error)}`
      const lost = new Failure(EXIT.unreachable, { what: 'the control plane cannot be reached', where, fix: 'see that it runs' })
      reject(error instanceof Failure ? error : lost)
    })
    socket.on('unexpected-response', (_request, answer) => {
      let text = ''
      answer.setEncoding('utf8').on('data', (part: string) => (text += part.slice(0, ANSWER_LENGTH_MAX - text.length)))
      answer.on('end', () => reject(failureOfAnswer(answer.statusCode ?? 500, text, { url, from })))
      answer.on('error', reject)
    })
  })
}

const ANSWER_LENGTH_MAX = 64 * 1024

/** Resolves when this connection is over, however that came. */
function followed(socket: WebSocket, call: ExecCall, clock: Clock): Promise<void> {
  keepSocketAlive(socket, clock, PING_EVERY_MS)
  const read = call.attach({
    send: (frame) => {
      if (socket.readyState === WebSocket.OPEN) socket.send(frame)
    },
    hold: (on) => (on ? socket.pause() : socket.resume()),
  })
  return new Promise((resolve) => {
    socket.on('message', (data) => {
      try {
        if (Buffer.isBuffer(data)) read(data)
      } catch {
        socket.terminate()
      }
    })
    socket.on('close', () => {
      call.detach()
      resolve()
    })
  })
}

const CLOSE_LIMIT_MS = 500

/** The last frame says that the exit was read: it must leave before the program does. */
async function closed(socket: WebSocket | null, clock: Clock): Promise<void> {
  if (socket?.readyState !== WebSocket.OPEN) return
  const gone = new Promise((resolve) => socket.on('close', resolve))
  socket.close(1000)
  await Promise.race([gone, clock.sleep(CLOSE_LIMIT_MS)])
}
