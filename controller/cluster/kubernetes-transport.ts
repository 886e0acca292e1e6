import {
  Agent as HttpAgent,
  request as requestHttp,
  type ClientRequest,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type RequestOptions as HttpOptions,
} from 'node:http'
import { Agent as HttpsAgent, request as requestHttps } from 'node:https'
import { createSecureContext, type ConnectionOptions as TlsOptions, type SecureContext } from 'node:tls'
import type { Clock } from '../kernel/clock.ts'
import { messageOf, Misconfigured, Transient } from '../kernel/errors.ts'
import type { Context, Environment } from './kubernetes-context.ts'
import { proxied, type Credentials } from './kubernetes-login.ts'

/**
 * HTTP/1.1 with kept connections, as every API server and every proxy before one speaks it. A watch has a socket of its own;
 * requests share a few. A peer that is gone without a word is noticed by the kernel (TCP keepalive), and whoever asks gives
 * each request a limit within which it must be over.
 */

export interface Asking {
  readonly method: string
  readonly path: string
  readonly headers: OutgoingHttpHeaders
  readonly body: string | null
  readonly signal: AbortSignal | undefined
  /** Until the last byte of the answer. */
  readonly limitMs: number
  /** It goes on for long: it takes no place among the short ones. */
  readonly long: boolean
}

export interface Transport {
  /** The answer as it begins. Reading it, and the wait for it, reject with Transient. `done` must be called at its end. */
  ask(asking: Asking, credentials: Credentials): Promise<Begun>
  /** The same way for a connection that somebody else makes of a request. */
  way(path: string, credentials: Credentials): Way
  close(): void
}

export interface Way {
  readonly url: string
  /** Of node's request: by what, as whom, trusting whom. */
  readonly options: HttpOptions & Pick<TlsOptions, 'rejectUnauthorized' | 'servername' | 'secureContext'>
}

export interface Begun {
  readonly answer: IncomingMessage
  /** Ends what is not read yet. */
  done(): void
}

const SOCKETS_MAX = 32
/** A watch that waited for a place among others would be deaf: each gets one. */
const STREAMS_MAX = Infinity
/** Node lets ten more probes follow, a second apart. */
const KEEPALIVE_MS = 15_000

export async function createTransport(context: Context, environment: Environment, clock: Clock): Promise<Transport> {
  const server = new URL(context.server)
  const secure = server.protocol === 'https:'
  const request = secure ? requestHttps : requestHttp
  const { agent, proxyEnv } = await proxied(context, environment)
  const kept = (maxSockets: number) => {
    const options = { keepAlive: true, keepAliveMsecs: KEEPALIVE_MS, maxSockets, ...(proxyEnv ? { proxyEnv } : {}) }
    return agent ?? (secure ? new HttpsAgent(options) : new HttpAgent(options))
  }
  const makePools = () => ({ short: kept(SOCKETS_MAX), long: kept(STREAMS_MAX) })
  let pools = makePools()
  let known: Identity | null = null

  /** Sockets belong to who opened them: another certificate needs others. */
  const identity = (credentials: Credentials): Identity => {
    if (known?.certificate === credentials.certificate && known.key === credentials.key) return known
    if (known) {
      pools.short.destroy()
      pools = makePools()
    }
    return (known = identityOf(context, credentials))
  }

  const base = server.pathname.replace(/\/$/, '')
  const trust = (credentials: Credentials) => ({
    secureContext: identity(credentials).secureContext,
    rejectUnauthorized: !context.cluster.skipVerify,
    ...(context.cluster.serverName === null ? {} : { servername: context.cluster.serverName }),
  })

  const begin = (asking: Asking, credentials: Credentials): ClientRequest => {
    // First, since another certificate needs other pools.
    const trusting = trust(credentials)
    const options = {
      host: server.hostname.replace(/^\[|\]$/g, ''),
      port: server.port || (secure ? 443 : 80),
      method: asking.method,
      path: `${base}${asking.path}`,
      headers: { ...credentials.headers, ...asking.headers },
      agent: asking.long ? pools.long : pools.short,
      ...trusting,
      ...(asking.signal ? { signal: asking.signal } : {}),
    }
    return request(options)
  }

  return {
    ask: (asking, credentials) => asked(() => begin(asking, credentials), asking, clock),
    way(path, credentials) {
      const trusting = trust(credentials)
      return { url: `${server.origin}${base}${path}`, options: { headers: credentials.headers, agent: pools.long, ...trusting } }
    },
    close() {
      pools.short.destroy()
      pools.long.destroy()
    },
  }
}

interface Identity {
  readonly certificate: string | null
  readonly key: string | null
  readonly secureContext: SecureContext
}

function identityOf({ cluster }: Context, { certificate, key }: Credentials): Identity {
  try {
    const secureContext = createSecureContext({
      ...(cluster.ca === null ? {} : { ca: cluster.ca }),
      ...(certificate === null ? {} : { cert: certificate }),
      ...(key === null ? {} : { key }),
    })
    return { certificate, key, secureContext }
  } catch (error) {
    throw new Misconfigured(`the certificates of the kubeconfig cannot be used: ${messageOf(error)}`)
  }
}

async function asked(begin: () => ClientRequest, asking: Asking, clock: Clock): Promise<Begun> {
  try {
    return await once(begin(), asking, clock)
  } catch (error) {
    // The server closed a kept socket in the very moment it was used again: it has not read what asks for nothing but an answer.
    if (asking.method !== 'GET' || !(error instanceof Cut && error.reused)) throw error
    return once(begin(), asking, clock)
  }
}

class Cut extends Transient {
  readonly reused: boolean
  constructor(error: unknown, reused: boolean) {
    super(`the API server cannot be reached: ${messageOf(error)}`, { cause: error })
    this.reused = reused
  }
}

function once(request: ClientRequest, { limitMs, body, method, path }: Asking, clock: Clock): Promise<Begun> {
  return new Promise((resolve, reject) => {
    const late = () => request.destroy(new Transient(`${method} ${pathOf(path)} took longer than ${Math.round(limitMs / 1000)} s`))
    const cancel = clock.after(limitMs, late)
    request.on('error', (error) => {
      cancel()
      const reset = 'code' in error && error.code === 'ECONNRESET'
      reject(error instanceof Transient ? error : new Cut(error, reset && request.reusedSocket))
    })
    request.on('response', (answer) => {
      answer.once('close', cancel)
      // A socket is given back when its answer was read to the end; otherwise it is of no more use.
      const done = () => (answer.complete ? undefined : request.destroy())
      resolve({ answer, done })
    })
    request.end(body ?? undefined)
  })
}

const pathOf = (path: string): string => path.split('?', 1)[0] ?? path
