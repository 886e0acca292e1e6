import { statSync } from 'node:fs'
import { request, type IncomingMessage } from 'node:http'
import type { Clock } from '../kernel/clock.ts'
import { messageOf, Transient } from '../kernel/errors.ts'

/**
 * The Docker Engine's API over its socket, as Podman speaks it too: a request, an answer, or a stream of one. The version is the
 * newest that both know.
 */
export interface Docker {
  call(method: Method, path: string, options?: CallOptions): Promise<Answer>
  /** The answer as it comes. Whoever asks reads it to its end, or aborts. */
  stream(method: Method, path: string, options?: CallOptions): Promise<IncomingMessage>
  /** Rejects with DockerAway while nobody answers. */
  ping(): Promise<void>
}

export type Method = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE'

export interface CallOptions {
  readonly query?: Readonly<Record<string, string>>
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
  readonly signal?: AbortSignal
  /** Until the answer begins, or for a call until it is there. */
  readonly limitMs?: number
}

export interface Answer {
  readonly status: number
  readonly bytes: Buffer
  readonly json: unknown
}

/** Nobody answers at the socket, or nobody in time: it may come back. */
export class DockerAway extends Transient {}

/** The daemon understood and said no; its words are the message. */
export class DockerRefused extends Error {
  override readonly name = 'DockerRefused'
  readonly status: number
  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

export const isRefusedWith = (error: unknown, ...statuses: readonly number[]): error is DockerRefused =>
  error instanceof DockerRefused && statuses.includes(error.status)

/** Nothing that is asked here is newer; an older daemon is asked in its own version. */
const NEWEST = [1, 47] as const
/** What is asked here exists since then: Docker 17.06. */
const OLDEST = [1, 30] as const
const CALL_LIMIT_MS = 30_000
const PING_LIMIT_MS = 5_000
const ANSWER_BYTES_MAX = 16 * 1024 * 1024
const MESSAGE_CHARACTERS_MAX = 4000

export interface DockerOptions {
  /** Looked at in this order; the first that is there is used. */
  readonly sockets: readonly string[]
  readonly clock: Clock
}

export function openDocker({ sockets, clock }: DockerOptions): Docker {
  let prefix: Promise<string> | null = null

  const ask = (method: Method, path: string, options: CallOptions): Promise<IncomingMessage> => {
    const socketPath = sockets.find(isSocket)
    if (socketPath === undefined) return Promise.reject(new DockerAway(`nothing listens at ${sockets.join(' or ')}`))
    return asked(clock, socketPath, method, path, options)
  }
  const negotiated = (): Promise<string> => {
    prefix ??= ask('GET', '/_ping', { limitMs: PING_LIMIT_MS }).then(versionOf)
    prefix.catch(() => (prefix = null))
    return prefix
  }
  const versioned = async (method: Method, path: string, options: CallOptions): Promise<IncomingMessage> => {
    const query = new URLSearchParams(options.query).toString()
    try {
      return await ask(method, `${await negotiated()}${path}${query === '' ? '' : `?${query}`}`, options)
    } catch (error) {
      // Who answers next time may be another, of another version.
      prefix = null
      throw error
    }
  }
  return {
    async call(method, path, options = {}) {
      const answer = await versioned(method, path, options)
      const bytes = await bodyOf(clock, answer, options.limitMs ?? CALL_LIMIT_MS)
      const status = answer.statusCode ?? 0
      if (status >= 400) throw new DockerRefused(status, saidIn(bytes) || `Docker answered ${status}`)
      return { status, bytes, json: parsed(bytes) }
    },
    async stream(method, path, options = {}) {
      const answer = await versioned(method, path, options)
      const status = answer.statusCode ?? 0
      if (status < 400) return answer
      throw new DockerRefused(status, saidIn(await bodyOf(clock, answer, CALL_LIMIT_MS)) || `Docker answered ${status}`)
    },
    async ping() {
      prefix = null
      await negotiated()
    },
  }
}

function isSocket(path: string): boolean {
  try {
    return statSync(path).isSocket()
  } catch {
    return false
  }
}

function asked(clock: Clock, socketPath: string, method: Method, path: string, options: CallOptions): Promise<IncomingMessage> {
  const body = options.body === undefined ? null : Buffer.from(JSON.stringify(options.body))
  const headers = {
    host: 'docker',
    ...(body ? { 'content-type': 'application/json', 'content-length': String(body.length) } : {}),
    ...options.headers,
  }
  return new Promise((resolve, reject) => {
    const { limitMs = CALL_LIMIT_MS, signal } = options
    const sent = request({ socketPath, method, path, headers, agent: false, ...(signal ? { signal } : {}) })
    const cancel = clock.after(limitMs, () => sent.destroy(new DockerAway(`${socketPath} did not answer within ${limitMs / 1000} s`)))
    sent.on('error', (error) => {
      cancel()
      reject(awayOr(error, socketPath, signal))
    })
    sent.on('response', (answer) => {
      cancel()
      // Broken off in the middle: whoever reads it is told by its end.
      answer.on('error', () => {})
      resolve(answer)
    })
    sent.end(body ?? undefined)
  })
}

/** Whatever happened to the connection is a matter of the moment, except that somebody has stopped asking. */
const awayOr = (error: Error, socketPath: string, signal: AbortSignal | undefined): Error =>
  signal?.aborted || error instanceof DockerAway ? error : new DockerAway(`${socketPath}: ${messageOf(error)}`)

async function bodyOf(clock: Clock, answer: IncomingMessage, limitMs: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  let length = 0
  const cancel = clock.after(limitMs, () => answer.destroy(new Error('the answer takes too long')))
  try {
    for await (const chunk of answer) {
      const bytes = Buffer.from(chunk as Uint8Array)
      length += bytes.length
      if (length > ANSWER_BYTES_MAX) throw new Error(`Docker answered with more than ${ANSWER_BYTES_MAX} bytes`)
      chunks.push(bytes)
    }
    return Buffer.concat(chunks)
  } catch (error) {
    throw new DockerAway(`the answer of Docker broke off: ${messageOf(error)}`)
  } finally {
    cancel()
  }
}

async function versionOf(answer: IncomingMessage): Promise<string> {
  answer.resume()
  const said = /^(\d+)\.(\d+)$/.exec(String(answer.headers['api-version'] ?? ''))
  if (!said || (answer.statusCode ?? 0) >= 400) throw new DockerAway(`what listens there answers ${answer.statusCode} and is no Docker`)
  const theirs = [Number(said[1]), Number(said[2])] as const
  if (isOlder(theirs, OLDEST))
    throw new DockerAway(`this Docker speaks version ${theirs.join('.')}, at least ${OLDEST.join('.')} is needed`)
  return `/v${(isOlder(theirs, NEWEST) ? theirs : NEWEST).join('.')}`
}

const isOlder = (a: readonly [number, number], b: readonly [number, number]): boolean => a[0] < b[0] || (a[0] === b[0] && a[1] < b[1])

function saidIn(bytes: Buffer): string {
  const found = parsed(bytes)
  const message = typeof found === 'object' && found !== null && 'message' in found ? found.message : null
  return (typeof message === 'string' ? message : bytes.toString('utf8')).trim().slice(0, MESSAGE_CHARACTERS_MAX)
}

function parsed(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'))
  } catch {
    return null
  }
}
