import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { jittered } from '../kernel/backoff.ts'
import type { Clock } from '../kernel/clock.ts'
import { isRefused, messageOf, Transient, type Refused } from '../kernel/errors.ts'
import type { Metrics } from '../kernel/metrics.ts'
import { Busy, problemOf, TooLarge, warningsOf } from './kubernetes-answers.ts'
import { readContext, type Context, type Environment } from './kubernetes-context.ts'
import { createLogin, type Login } from './kubernetes-login.ts'
import { createTransport, type Begun, type Transport, type Way } from './kubernetes-transport.ts'

/**
 * A connection to an API server as somebody: one request, or the lines of a long answer.
 *
 *   Refused     it understood and said no: code, reason, message and details of its Status
 *   Transient   it cannot be reached, or can do nothing for us now (429, 5xx): ask again later
 */
export interface KubernetesConnection {
  readonly server: string
  /** Of the context. */
  readonly namespace: string
  readonly user: string
  readonly context: string
  /** What a server that is busy asks to be asked again is asked again, until `timeoutMs`. */
  request<T = unknown>(call: KubernetesCall): Promise<KubernetesAnswer<T>>
  /** The lines of an answer that goes on. Ends when the answer does, or without a word when `signal` aborts; cut off, it throws Transient. */
  lines(call: KubernetesCall): AsyncGenerator<string, void, undefined>
  /** For what is no request, such as a connection to a port of a pod: where to begin it, and what lets one in there. */
  way(call: Pick<KubernetesCall, 'path' | 'query'>): Promise<Way>
  close(): void
}

export interface KubernetesCall {
  readonly method: string
  readonly path: string
  readonly query?: Readonly<Record<string, string | undefined>>
  readonly body?: unknown
  readonly contentType?: string
  readonly accept?: string
  readonly signal?: AbortSignal
  /** Until the last byte. Default 30 s; of `lines` an hour. */
  readonly timeoutMs?: number
  /** An answer that is longer is `TooLarge`. It is held as bytes, as text and as objects before it is one of these alone. */
  readonly bytesMax?: number
}

export interface KubernetesAnswer<T> {
  readonly status: number
  readonly body: T
  readonly headers: IncomingHttpHeaders
  /** What the server thinks of the request, though it did it. */
  readonly warnings: readonly string[]
}

export interface KubernetesOptions {
  /** A path. Without one: KUBECONFIG, ~/.kube/config, or the pod this runs in. */
  readonly kubeconfig?: string | null
  readonly context?: string | null
  readonly environment: Environment
  readonly clock: Clock
  readonly userAgent: string
  readonly metrics?: Metrics
}

const REQUEST_MS = 30_000
const STREAM_MS = 3_600_000
const BUSY_FIRST_MS = 1_000
const ANSWER_BYTES_MAX = 256 * 1024 * 1024
const LINE_CHARACTERS_MAX = 64 * 1024 * 1024

/** Throws Misconfigured where there is no kubeconfig, or one that cannot be read. Asks the server nothing yet. */
export async function connectKubernetes(options: KubernetesOptions): Promise<KubernetesConnection> {
  const { kubeconfig = null, context: wanted = null, environment, clock } = options
  const context = readContext({ kubeconfig, context: wanted, environment })
  const asker: Asker = {
    transport: await createTransport(context, environment, clock),
    login: createLogin(context, clock),
    ...options,
  }
  return {
    ...about(context),
    request: <T>(call: KubernetesCall) => request<T>(asker, call),
    lines: (call) => lines(asker, call),
    way: async (call) => asker.transport.way(pathOf(call), await asker.login.current()),
    close: () => asker.transport.close(),
  }
}

const about = ({ name, server, namespace, user }: Context) => ({ server, namespace, user, context: name })

interface Asker {
  readonly transport: Transport
  readonly login: Login
  readonly clock: Clock
  readonly userAgent: string
  readonly metrics?: Metrics
}

async function request<T>(asker: Asker, call: KubernetesCall): Promise<KubernetesAnswer<T>> {
  const { clock } = asker
  const limitMs = call.timeoutMs ?? REQUEST_MS
  const startedAt = clock.elapsedMs()
  for (;;) {
    const leftMs = limitMs - (clock.elapsedMs() - startedAt)
    const { answer, done } = await begin(asker, call, leftMs, false)
    const text = await whole(answer, call.bytesMax).finally(done)
    const status = answer.statusCode ?? 0
    if (status < 400) {
      const body = bodyOf(answer, text) as T
      return { status, body, headers: answer.headers, warnings: warningsOf(answer.headersDistinct['warning']) }
    }
    const problem = problemOf(status, bodyOf(answer, text), answer.headers)
    const waitMs = askAgainIn(problem)
    if (waitMs === null || clock.elapsedMs() - startedAt + waitMs > limitMs) throw problem
    await clock.sleep(waitMs, call.signal)
  }
}

/** Only who says when to ask again has surely done nothing: an answer of 500 may come after the deed. */
function askAgainIn(problem: Refused | Transient): number | null {
  if (!(problem instanceof Busy) || problem.retryAfterMs === null) return null
  return jittered(Math.max(problem.retryAfterMs, BUSY_FIRST_MS) * 1.5, Math.random())
}

async function* lines(asker: Asker, call: KubernetesCall): AsyncGenerator<string, void, undefined> {
  const { answer, done } = await begin(asker, call, call.timeoutMs ?? STREAM_MS, true)
  try {
    const status = answer.statusCode ?? 0
    if (status >= 400) throw problemOf(status, bodyOf(answer, await whole(answer)), answer.headers)
    yield* linesOf(answer)
  } catch (error) {
    if (call.signal?.aborted) return
    throw isRefused(error) || error instanceof Transient ? error : cut(error)
  } finally {
    done()
  }
}

/** Of what is cut off, the last piece is no line; of what is ended, it is one if it is there. */
async function* linesOf(answer: IncomingMessage): AsyncGenerator<string, void, undefined> {
  answer.setEncoding('utf8')
  let rest = ''
  for await (const chunk of answer as AsyncIterable<string>) {
    const pieces = (rest + chunk).split('\n')
    rest = pieces.pop() ?? ''
    if (rest.length > LINE_CHARACTERS_MAX) throw new Transient(`a line is longer than ${LINE_CHARACTERS_MAX} characters`)
    for (const piece of pieces) if (piece !== '') yield piece
  }
  if (rest !== '') yield rest
}

/** One answer. Who is not believed is asked for once more with credentials that are read anew. */
async function begin(asker: Asker, call: KubernetesCall, limitMs: number, long: boolean): Promise<Begun> {
  const begun = await askOnce(asker, call, limitMs, long)
  if (begun.answer.statusCode !== 401) return begun
  begun.done()
  asker.login.forget()
  return askOnce(asker, call, limitMs, long)
}

async function askOnce(
  { transport, login, clock, userAgent, metrics }: Asker,
  call: KubernetesCall,
  limitMs: number,
  long: boolean,
): Promise<Begun> {
  const startedAt = clock.elapsedMs()
  const tell = (code: string) => {
    const labels = { method: call.method, group: groupOf(call.path), code }
    metrics?.count('bothy_kubernetes_requests_total', 'Requests to the API server, by API group and answer; 0: none came.', labels)
    metrics?.observe('bothy_kubernetes_answer_seconds', 'Until an answer of the API server begins.', (clock.elapsedMs() - startedAt) / 1000)
  }
  const body = call.body === undefined ? null : JSON.stringify(call.body)
  const sent = body === null ? {} : { 'content-type': call.contentType ?? 'application/json', 'content-length': Buffer.byteLength(body) }
  const headers = { accept: call.accept ?? 'application/json', 'user-agent': userAgent, ...sent }
  const { method, signal } = call
  const credentials = await login.current()
  try {
    const begun = await transport.ask({ method, path: pathOf(call), headers, body, signal, limitMs, long }, credentials)
    tell(String(begun.answer.statusCode))
    return begun
  } catch (error) {
    tell('0')
    throw error
  }
}

const groupOf = (path: string): string => /^\/apis\/(?<group>[^/]+)/.exec(path)?.groups?.['group'] ?? 'core'

function pathOf({ path, query = {} }: Pick<KubernetesCall, 'path' | 'query'>): string {
  const given = Object.entries(query).flatMap(([name, value]): [string, string][] => (value === undefined ? [] : [[name, value]]))
  return given.length === 0 ? path : `${path}?${new URLSearchParams(given).toString()}`
}

function whole(answer: IncomingMessage, bytesMax = ANSWER_BYTES_MAX): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let size = 0
    answer.on('data', (chunk: Buffer) => {
      chunks.push(chunk)
      size += chunk.length
      if (size > bytesMax) answer.destroy(new TooLarge(`the answer is larger than ${bytesMax} bytes`))
    })
    answer.once('end', () => resolve(Buffer.concat(chunks).toString('utf8')))
    answer.once('error', (error) => reject(error instanceof Transient ? error : cut(error)))
    answer.once('close', () => (answer.readableEnded ? undefined : reject(cut(new Error('the answer ended early')))))
  })
}

const cut = (error: unknown): Transient => new Transient(`the API server cannot be reached: ${messageOf(error)}`, { cause: error })

function bodyOf({ headers }: IncomingMessage, text: string): unknown {
  if (!headers['content-type']?.includes('json')) return text
  try {
    const value: unknown = JSON.parse(text)
    return value
  } catch (error) {
    throw cut(error)
  }
}
