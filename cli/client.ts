import { readFileSync } from 'node:fs'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { join } from 'node:path'
import { messageOf } from '../controller/kernel/errors.ts'
import type { Environment } from './environment.ts'
import { EXIT, Failure, usage } from './failure.ts'
import { failureOfAnswer } from './refusal.ts'

export interface Call {
  readonly query?: Readonly<Record<string, string | undefined>>
  readonly body?: unknown
  readonly contentType?: string
  readonly signal?: AbortSignal
}

/** The API of a control plane. Whatever it refuses is a `Failure` with the right exit code. */
export interface Client {
  readonly url: string
  readonly token: string | null
  /** How it was found, for people: `BOTHY_URL`, `the one running here` … */
  readonly from: string
  request(method: string, path: string, call?: Call): Promise<unknown>
  /** One JSON value a line, as long as the server sends. */
  lines(path: string, call?: Call): AsyncIterable<unknown>
}

const CONNECT_LIMIT_MS = 10_000
const ANSWER_BYTES_MAX = 256 * 1024 * 1024
const LINE_LENGTH_MAX = 16 * 1024 * 1024

export interface Given {
  readonly url: string | null
  readonly token: string | null
}

export function connect(environment: Environment, given: Given): Client {
  const { url, token, from } = whereTo(environment, given)
  const base = url.replace(/\/+$/, '')

  const open = async (method: string, path: string, call: Call): Promise<IncomingMessage> => {
    const target = new URL(base + path)
    for (const [name, value] of Object.entries(call.query ?? {})) if (value !== undefined) target.searchParams.set(name, value)
    const answer = await send(target, method, token, call).catch((error: unknown) => {
      if (call.signal?.aborted) throw error
      throw unreachable(environment, base, from, error)
    })
    if ((answer.statusCode ?? 500) < 400) return answer
    throw failureOfAnswer(answer.statusCode ?? 500, await textOf(answer), { url: base, from, sent: call.body !== undefined })
  }

  return {
    url: base,
    token,
    from,
    async request(method, path, call = {}) {
      const text = await textOf(await open(method, path, call))
      return text === '' ? null : parsed(text, base)
    },
    async *lines(path, call = {}) {
      let rest = ''
      const answer = await open('GET', path, call)
      answer.setEncoding('utf8')
      for await (const chunk of answer) {
        const lines = (rest + String(chunk)).split('\n')
        rest = lines.pop() ?? ''
        if (rest.length > LINE_LENGTH_MAX)
          throw new Failure(EXIT.didNotBecomeSo, { what: 'the server sent a line without end', where: base })
        for (const line of lines) if (line !== '') yield parsed(line, base)
      }
    },
  }
}

/** In the order of the manual: flags, environment, the standalone of this machine. */
function whereTo(environment: Environment, given: Given): { readonly url: string; readonly token: string | null; readonly from: string } {
  const token = given.token ?? environment.token
  for (const [url, from] of [
    [given.url, '--url'],
    [environment.url, 'BOTHY_URL'],
  ] as const) {
    if (url === null) continue
    if (!/^https?:\/\//.test(url) || !URL.canParse(url)) throw usage(`${from} ${url} is no url`, 'it begins with http:// or https://')
    return { url, token, from }
  }
  const url = readQuietly(join(environment.stateDir, 'url'))
  if (url === null) throw nothingRuns(environment, `nothing runs in ${environment.stateDir}`)
  return { url, token: given.token ?? readQuietly(join(environment.stateDir, 'token')), from: `of ${environment.stateDir}` }
}

function readQuietly(file: string): string | null {
  try {
    return readFileSync(file, 'utf8').split('\n')[0]?.trim() || null
  } catch {
    return null
  }
}

const nothingRuns = ({ program }: Environment, where: string): Failure =>
  new Failure(EXIT.unreachable, { what: 'no control plane can be reached', where, fix: `start it: ${program} up` })

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

function unreachable(environment: Environment, url: string, from: string, error: unknown): Failure {
  const where = `${url} (${from}): ${whyNoConnection(error)}`
  if (!from.startsWith('--') && from !== 'BOTHY_URL') return nothingRuns(environment, where)
  return new Failure(EXIT.unreachable, {
    what: 'the control plane cannot be reached',
    where,
    fix: `see that it runs, and that ${from} is right`,
  })
}

function send(target: URL, method: string, token: string | null, call: Call): Promise<IncomingMessage> {
  const body = call.body === undefined ? null : JSON.stringify(call.body)
  const request = target.protocol === 'https:' ? httpsRequest : httpRequest
  return new Promise((resolve, reject) => {
    const sent = request(target, {
      method,
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
