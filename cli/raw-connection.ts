import { request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { WebSocket } from 'ws'
import type { Clock } from '../controller/kernel/clock.ts'
import { framedDuplex } from '../controller/kernel/framed-duplex.ts'
import { halfClosingDuplex } from '../controller/kernel/half-closing-duplex.ts'
import { keepSocketAlive } from '../controller/kernel/socket-pings.ts'
import { whyNoConnection } from './client.ts'
import { wayTo, type Endpoint } from './endpoint.ts'
import type { EnteredName } from './entered-name.ts'
import { EXIT, Failure } from './failure.ts'
import { failureOfAnswer } from './refusal.ts'

const FRAMED = 'bothy-framed'
const CONNECT_LIMIT_MS = 30_000
const PING_EVERY_MS = 15_000
const TCP_KEEPALIVE_MS = 15_000
const ANSWER_LENGTH_MAX = 64 * 1024

/** An answer that no control plane gave: something in between did not pass the upgrade on. */
class NotPassedOn extends Error {}

/** Bytes both ways between here and a service in a workspace, each direction with an end of its own: the bare socket; through what does not pass it on, a WebSocket. */
export async function rawConnection(
  endpoint: Endpoint,
  { namespace, workspace, agent }: EnteredName,
  service: 'ssh' | 'port',
  query: Readonly<Record<string, string>>,
  clock: Clock,
): Promise<Duplex> {
  const place = `/apis/bothy.dev/v1alpha1/namespaces/${encodeURIComponent(namespace)}/workspaces/${encodeURIComponent(workspace)}/${service}`
  const target = new URL(endpoint.url + place)
  if (agent !== null) target.searchParams.set('agent', agent)
  for (const [name, value] of Object.entries(query)) target.searchParams.set(name, value)
  try {
    return await bareSocket(target, endpoint)
  } catch (error) {
    if (!(error instanceof NotPassedOn)) throw error
    return webSocket(target, endpoint, clock)
  }
}

const headersOf = ({ token }: Endpoint): Record<string, string> => (token === null ? {} : { authorization: `Bearer ${token}` })

function bareSocket(target: URL, endpoint: Endpoint): Promise<Duplex> {
  const request = target.protocol === 'https:' ? httpsRequest : httpRequest
  return new Promise((resolve, reject) => {
    const asked = request(target, {
      headers: { ...headersOf(endpoint), connection: 'Upgrade', upgrade: FRAMED },
      agent: false,
      ...wayTo(endpoint),
    })
    asked.setTimeout(CONNECT_LIMIT_MS, () => asked.destroy(new Error(`no answer within ${CONNECT_LIMIT_MS / 1000} s`)))
    asked.on('error', (error) => reject(unreachable(endpoint, error)))
    asked.on('upgrade', (answer, socket, head) => {
      if (answer.headers.upgrade?.toLowerCase() !== FRAMED) {
        socket.destroy()
        return reject(new NotPassedOn())
      }
      // Whoever is given it hears of what breaks it; until then it must not end the program.
      socket.on('error', () => {})
      if (head.length > 0) socket.unshift(head)
      if (socket instanceof Socket) {
        socket.setTimeout(0)
        socket.setNoDelay(true)
        socket.setKeepAlive(true, TCP_KEEPALIVE_MS)
        socket.allowHalfOpen = true
      }
      return resolve(framedDuplex(socket).on('error', () => {}))
    })
    asked.on('response', (answer) => {
      textOf(answer).then((text) => reject(refusal(answer.statusCode ?? 0, text, endpoint, true)), reject)
    })
    asked.end()
  })
}

function webSocket(target: URL, endpoint: Endpoint, clock: Clock): Promise<Duplex> {
  const url = new URL(target)
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:'
  const socket = new WebSocket(url, {
    headers: headersOf(endpoint),
    ...wayTo(endpoint),
    perMessageDeflate: false,
    handshakeTimeout: CONNECT_LIMIT_MS,
  })
  return new Promise((resolve, reject) => {
    socket.on('error', (error) => reject(unreachable(endpoint, error)))
    socket.on('unexpected-response', (_asked, answer) => {
      textOf(answer).then((text) => reject(refusal(answer.statusCode ?? 0, text, endpoint, false)), reject)
    })
    socket.on('open', () => {
      keepSocketAlive(socket, clock, PING_EVERY_MS)
      resolve(halfClosingDuplex(socket).on('error', () => {}))
    })
  })
}

function unreachable({ url, from }: Endpoint, error: unknown): Failure {
  if (error instanceof Failure) return error
  const where = `${url} (${from}): ${whyNoConnection(error)}`
  return new Failure(EXIT.unreachable, { what: 'the control plane cannot be reached', where, fix: 'see that it runs' })
}

/** A control plane says why in the words of a Kubernetes API server; whatever else answers does not know the upgrade. */
function refusal(status: number, text: string, { url, from }: Endpoint, another: boolean): Error {
  const isStatus = /^\s*\{.*"kind"\s*:\s*"Status"/s.test(text)
  return another && !isStatus ? new NotPassedOn() : failureOfAnswer(status || 500, text, { url, from })
}

async function textOf(answer: IncomingMessage): Promise<string> {
  let text = ''
  answer.setEncoding('utf8')
  for await (const part of answer) {
    text += String(part).slice(0, ANSWER_LENGTH_MAX - text.length)
    if (text.length >= ANSWER_LENGTH_MAX) break
  }
  return text
}
