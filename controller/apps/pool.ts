import { Agent, type ClientRequestArgs } from 'node:http'
import type { ClientHttp2Stream } from 'node:http2'
import type { Duplex } from 'node:stream'
import { connect as tlsOver } from 'node:tls'
import { HEADER_ACTOR, HEADER_TARGET, HEADER_USE, SERVICES } from '../../agent/protocol.ts'
import { answeredWell } from '../connect/agent-answer.ts'
import { abandon } from '../connect/link.ts'
import type { AppsPorts } from './ports.ts'

/** Connections to apps, each a stream of the agent's link, kept for a moment for the next request. */

export interface Dial {
  readonly agentId: string
  /** `tcp:127.0.0.1:8080` */
  readonly target: string
  readonly tls: boolean
  /** Who uses the workspace by it; empty: nobody is known. */
  readonly actor: string
}

export interface AppRequest extends ClientRequestArgs {
  readonly dial: Dial
}

/** An idle connection counts as use of the workspace: not for long. */
const IDLE_MS = 4000
const IDLE_MAX = 16

const isAppRequest = (options: ClientRequestArgs): options is AppRequest => 'dial' in options

export class AppConnections extends Agent {
  readonly #open: (dial: Dial) => Promise<Duplex>

  constructor(ports: Pick<AppsPorts, 'connections' | 'clock'>, perTarget: number) {
    super({ keepAlive: true, maxSockets: perTarget, maxFreeSockets: IDLE_MAX, timeout: IDLE_MS, scheduling: 'lifo' })
    this.#open = (dial) => dialled(ports, dial)
  }

  override createConnection(options: ClientRequestArgs, done?: (error: Error | null, stream: Duplex) => void): undefined {
    if (!isAppRequest(options) || !done) throw new Error('a connection to an app is asked for without saying which')
    void this.#connect(options.dial, done)
    return undefined
  }

  async #connect(dial: Dial, done: (error: Error | null, stream: Duplex) => void): Promise<void> {
    try {
      done(null, await this.#open(dial))
    } catch (error) {
      // Node's own callers look at the error alone.
      Reflect.apply(done, null, [error instanceof Error ? error : new Error(String(error))])
    }
  }

  override getName(options?: ClientRequestArgs): string {
    return options && isAppRequest(options) ? JSON.stringify(options.dial) : ''
  }
}

async function dialled({ connections, clock }: Pick<AppsPorts, 'connections' | 'clock'>, dial: Dial): Promise<Duplex> {
  const stream = await connections.openStream(dial.agentId, SERVICES.port, {
    'content-type': 'application/octet-stream',
    [HEADER_TARGET]: encodeURIComponent(dial.target),
    [HEADER_USE]: 'App',
    [HEADER_ACTOR]: encodeURIComponent(dial.actor),
  })
  try {
    await answeredWell(stream, clock, 'apps')
  } catch (error) {
    abandon(stream)
    throw error
  }
  const connection = asSocket(stream)
  // It is the workspace's own network, where certificates are made up; who answers there was chosen by the template.
  return dial.tls ? tlsOver({ socket: connection, rejectUnauthorized: false, ALPNProtocols: ['http/1.1'] }) : connection
}

const nothing = () => {}

/** More than the handful that a connection of its own would have: link, client and pipes all listen. */
const LISTENERS_MAX = 32

/**
 * Node's client asks a connection for what only sockets know. It also writes text and bytes in one go, of which an h2 stream
 * (seen in Node 24.21) sends the memory where the text had been: it is given bytes only.
 */
function asSocket(stream: ClientHttp2Stream): Duplex {
  // Whoever says that no more comes has closed the connection: over HTTP there is nothing to send to it any more.
  stream.once('end', () => setImmediate(() => stream.destroy()))
  stream.setMaxListeners(LISTENERS_MAX)
  const write = stream.write.bind(stream)
  const writeBytes = (chunk: Uint8Array | string, encoding?: BufferEncoding | Done, done?: Done): boolean => {
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk, typeof encoding === 'string' ? encoding : 'utf8') : chunk
    return write(bytes, typeof encoding === 'function' ? encoding : done)
  }
  return Object.assign(stream, { write: writeBytes, setKeepAlive: nothing, setNoDelay: nothing, ref: nothing, unref: nothing })
}

type Done = (error?: Error | null) => void
