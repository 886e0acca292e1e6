import { request as ask, type ClientRequest, type IncomingMessage, type ServerResponse } from 'node:http'
import { pipeline } from 'node:stream'
import type { Admitted } from './gate.ts'
import { headersForApp, headersFromApp, pathInside, statusOf } from './headers.ts'
import type { Live } from './live.ts'
import { busy, failed, TooSlow } from './notices.ts'
import { answerNotice } from './pages.ts'
import type { AppConnections, AppRequest } from './pool.ts'
import type { AppsLimits } from './ports.ts'

export interface Way {
  readonly connections: AppConnections
  readonly live: Live
  readonly limits: AppsLimits
}

/** Of an app's answer: more is no answer but an attack. */
const HEADER_BYTES_MAX = 64 * 1024

/** One request to an app and its answer; each side is held back by the other. */
export function forward(way: Way, admitted: Admitted, request: IncomingMessage, response: ServerResponse): void {
  const { face, title, workspace, place, cookie } = admitted
  const asked = askedOf(way, admitted, request, null)
  const cut = () => {
    asked.destroy()
    response.destroy()
  }
  const over = way.live.begin(admitted, cut)
  if (!over) {
    asked.destroy()
    return answerNotice(request, response, busy())
  }
  response.on('close', () => {
    over()
    asked.destroy()
  })
  asked.on('response', (answer) => {
    const status = statusOf(answer)
    if (!status) return void asked.destroy(new Error('the app answered with a code that is none'))
    const headers = headersFromApp(answer, face)
    const ours = cookie === null ? [] : [cookie]
    const theirs = [headers['set-cookie'] ?? []].flat()
    response.writeHead(status.code, status.phrase, {
      ...headers,
      ...(ours.length + theirs.length > 0 ? { 'set-cookie': [...theirs, ...ours] } : {}),
    })
    // What streams is seen at once, also before its first byte.
    response.flushHeaders()
    pipeline(answer, response, () => {})
  })
  const fail = (error: unknown) => {
    const health = 'app' in place.what ? workspace.health.get(place.what.app) : undefined
    answerNotice(request, response, failed(title, health, error))
  }
  asked.on('error', fail)
  // An answer that makes something else of the connection ends it, and Node says no more of that.
  asked.on('close', () => {
    if (!response.headersSent) fail(new Error('the app broke off'))
  })
  if (hasBody(request)) pipeline(request, asked, () => {})
  else asked.end()
}

export const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0

/** The request on its way: nothing of it is sent before the agent has opened a connection. */
export function askedOf(
  { connections, limits }: Way,
  { dial, face, rest }: Admitted,
  request: IncomingMessage,
  upgrade: string | null,
): ClientRequest {
  const options: AppRequest = {
    dial,
    agent: connections,
    method: request.method ?? 'GET',
    path: pathInside(rest, face),
    headers: headersForApp(request, face, upgrade),
    setHost: false,
    maxHeaderSize: HEADER_BYTES_MAX,
  }
  const asked = ask(options)
  // It may be given up before anybody listens: unheard, that would end this process.
  asked.on('error', () => {})
  asked.setTimeout(limits.answerMs, () => asked.destroy(new TooSlow('the app was silent for too long')))
  // What it does once it has begun to answer is between the two: streams of events are silent for long.
  asked.on('response', () => asked.setTimeout(0))
  return asked
}
