import { request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { messageOf } from '../controller/kernel/errors.ts'
import { nothingRuns, wayTo, type Endpoint } from './endpoint.ts'
import type { Environment } from './environment.ts'
import { EXIT, Failure } from './failure.ts'
import { failureOfAnswer } from './refusal.ts'

export interface Call {
  readonly query?: Readonly<Record<string, string | undefined>>
  readonly body?: unknown
  readonly contentType?: string
  readonly signal?: AbortSignal
}

/** What a command asks. Whatever is refused is a `Failure` with the right exit code. */
export interface Client {
  /** The cluster that keeps the objects; null: the control plane does. */
  readonly cluster: { readonly url: string; readonly context: string; version(): Promise<unknown> } | null
  /** Where whatever is no object is asked. At each connection anew: a control plane that was started again may be elsewhere. */
  endpoint(): Promise<Endpoint>
  request(method: string, path: string, call?: Call): Promise<unknown>
  /** One JSON value a line, as long as the server sends. */
  lines(path: string, call?: Call): AsyncIterable<unknown>
  /** Whom the keeper of the objects takes one for, where somebody has to be named as an owner; null: whoever asks is it. */
  user(): Promise<string | null>
}

const CONNECT_LIMIT_MS = 10_000
const ANSWER_BYTES_MAX = 256 * 1024 * 1024
const LINE_LENGTH_MAX = 16 * 1024 * 1024

/** The HTTP API of a control plane. */
export function planeClient(environment: Environment, endpoint: Client['endpoint']): Client {
  const open = async (method: string, path: string, call: Call): Promise<{ answer: IncomingMessage; url: string }> => {
    const here = await endpoint()
    const { url, from } = here
    const target = new URL(url + path)
    for (const [name, value] of Object.entries(call.query ?? {})) if (value !== undefined) target.searchParams.set(name, value)
    const answer = await send(target, method, here, call).catch((error: unknown) => {
      if (call.signal?.aborted) throw error
      throw unreachable(environment, here, error)
    })
    if ((answer.statusCode ?? 500) < 400) return { answer, url }
    throw failureOfAnswer(answer.statusCode ?? 500, await textOf(answer), { url, from, sent: call.body !== undefined })
  }

  return {
    cluster: null,
    endpoint,
    user: async () => null,
    async request(method, path, call = {}) {
      const { answer, url } = await open(method, path, call)
      const text = await textOf(answer)
      return text === '' ? null : parsed(text, url)
    },
    async *lines(path, call = {}) {
      let rest = ''
      const { answer, url } = await open('GET', path, call)
      answer.setEncoding('utf8')
      for await (const chunk of answer) {
        const lines = (rest + String(chunk)).split('\n')
        rest = lines.pop() ?? ''
        if (rest.length > LINE_LENGTH_MAX)
          throw new Failure(EXIT.didNotBecomeSo, { what: 'the server sent a line without end', where: url })
        for (const line of lines) if (line !== '') yield parsed(line, url)
      }
    },
  }
}

const SENTENCES: Readonly<Record<string, string>> = {
  EPROTO: 'it does not speak TLS; with http:// it may answer',
  ERR_SSL_WRONG_VERSION_NUMBER: 'it does not speak TLS; with http:// it may answer',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is not trusted here; NODE_EXTRA_CA_CERTS can name a file with its authority',
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate is not trusted here; NODE_EXTRA_CA_CERTS can name a file with its authority',
}

export function whyNoConnection(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  return SENTENCES[code] ?? (messageOf(error) || 'no connection')
}

export function unreachable(environment: Environment, { url, from, isHere }: Endpoint, error: unknown): Failure {
  if (error instanceof Failure) return error
  const where = `${url} (${from}): ${whyNoConnection(error)}`
  if (isHere) return nothingRuns(environment, where)
  return new Failure(EXIT.unreachable, {
    what: 'the control plane cannot be reached',
    where,
    fix: /^(--|[A-Z])/.test(from)
      ? `see that it runs, and that ${from} is right`
      : 'see that it runs, and that its url can be reached from here',
  })
}

function send(target: URL, method: string, endpoint: Endpoint, call: Call): Promise<IncomingMessage> {
  const { token } = endpoint
  const body = call.body === undefined ? null : JSON.stringify(call.body)
  const request = target.protocol === 'https:' ? httpsRequest : httpRequest
  return new Promise((resolve, reject) => {
    const sent = request(target, {
      method,
      ...wayTo(endpoint),
      headers: {
        accept: 'application/json',
        'user-agent': 'bothy-cli',
        ...(token === null ? {} : { authorization: `Bearer ${token}` }),
        ...(body === null ? {} : { 'content-type': call.contentType ?? 'application/json', 'content-length': Buffer.byteLength(body) }),
      },
      ...(call.signal ? { signal: call.signal } : {}),
    })
    // A watch may be silent for long once it has begun; only the beginning has a limit.
    sent.setTimeout(CONNECT_LIMIT_MS, () => sent.destroy(new Error(`no answer within ${CONNECT_LIMIT_MS / 1000} s`)))
    sent.on('response', (answer) => {
      sent.setTimeout(0)
      resolve(answer)
    })
    sent.on('error', reject)
    sent.end(body ?? undefined)
  })
}

async function textOf(answer: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of answer) {
    const data = Buffer.from(chunk)
    bytes += data.byteLength
    if (bytes > ANSWER_BYTES_MAX)
      throw new Failure(EXIT.didNotBecomeSo, { what: 'the answer is too large', fix: 'ask for less: name an object, or use -l' })
    chunks.push(data)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function parsed(text: string, url: string): unknown {
  try {
    const value: unknown = JSON.parse(text)
    return value
  } catch {
    throw new Failure(EXIT.unreachable, { what: 'what answers is no control plane', where: url, fix: 'see that the url is right' })
  }
}
