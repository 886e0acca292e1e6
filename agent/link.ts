import http from 'node:http'
import https from 'node:https'
import type { Duplex } from 'node:stream'
import { within, type Clock } from '../controller/kernel/clock.ts'
import { messageDuplex } from '../controller/kernel/message-duplex.ts'
import { CONNECT_PATH, HEADER_AGENT_ID, HEADER_PROTOCOL, HEADER_TOKEN, MESSAGE_BYTES_MAX, PROTOCOL, RAW_UPGRADE } from './protocol.ts'

/** The control plane does not know this agent, or its token, any more: trying again cannot help. */
export class LinkRefused extends Error {
  override readonly name = 'LinkRefused'
}

/** An answer to the upgrade that was not 101. */
class NotUpgraded extends Error {
  readonly status: number
  /** Said by a control plane, and by nothing that lies between. */
  readonly isOurs: boolean
  constructor({ statusCode, headers }: http.IncomingMessage, message: string) {
    super(message)
    this.status = statusCode ?? 0
    this.isOurs = HEADER_PROTOCOL in headers
  }
}

export interface Dial {
  readonly url: string
  readonly agentId: string
  readonly token: string
  readonly clock: Clock
}

const DIAL_LIMIT_MS = 10_000
const ANSWER_LENGTH_MAX = 2000

/** One connection to the control plane: the bare upgrade, and where something in between does not pass it on, a WebSocket. */
export async function dial(to: Dial): Promise<Duplex> {
  try {
    return await limited(to, (signal) => rawUpgrade(to, signal))
  } catch (error) {
    if (error instanceof NotUpgraded && (error.isOurs || FINAL.has(error.status))) throw refusal(error)
    // Nothing lies between us and a socket of this machine that would need another way.
    if (!(error instanceof NotUpgraded) || socketPathOf(to) !== null) throw error
  }
  try {
    return await limited(to, (signal) => webSocket(to, signal))
  } catch (error) {
    throw error instanceof NotUpgraded ? refusal(error) : error
  }
}

/** Another way to ask would be answered no better: another protocol, or too many who ask. */
const FINAL: ReadonlySet<number> = new Set([426, 429, 503])

/** A proxy that refuses is a fault that somebody may mend; only the control plane knows that an agent is not wanted. */
const refusal = (error: NotUpgraded): Error => (error.isOurs && error.status === 403 ? new LinkRefused(error.message) : error)

function limited(to: Dial, connect: (signal: AbortSignal) => Promise<Duplex>): Promise<Duplex> {
  const giveUp = new AbortController()
  const late = () => {
    giveUp.abort()
    return new Error(`no answer from ${to.url} within ${DIAL_LIMIT_MS / 1000} s`)
  }
  return within(to.clock, DIAL_LIMIT_MS, connect(giveUp.signal), late)
}

const headersOf = (to: Dial): Record<string, string> => ({
  [HEADER_AGENT_ID]: to.agentId,
  [HEADER_TOKEN]: to.token,
  [HEADER_PROTOCOL]: PROTOCOL,
})

/** `unix:/run/bothy/agent.sock`, with or without two slashes more: a socket of this machine. */
function socketPathOf({ url }: Dial): string | null {
  const path = /^unix:(?:\/\/)?(\/.+)$/.exec(url)?.[1]
  return path ?? null
}

/** A path in the url is kept: the control plane may live under one. */
const connectUrl = (to: Dial): URL => new URL(to.url.replace(/\/$/, '') + CONNECT_PATH)

function rawUpgrade(to: Dial, signal: AbortSignal): Promise<Duplex> {
  const options = { headers: { ...headersOf(to), connection: 'Upgrade', upgrade: RAW_UPGRADE }, agent: false, signal }
  return new Promise((resolve, reject) => {
    const asked = upgradeRequest(to, options)
    asked.on('error', reject)
    asked.on('upgrade', (_answer, socket, head) => {
      // The control plane speaks first, and may already have.
      if (head.length > 0) socket.unshift(head)
      if ('setNoDelay' in socket && typeof socket.setNoDelay === 'function') socket.setNoDelay(true)
      resolve(socket)
    })
    asked.on('response', (answer) => rejected(answer).then(reject, reject))
    asked.end()
  })
}

function upgradeRequest(to: Dial, options: http.RequestOptions): http.ClientRequest {
  const socketPath = socketPathOf(to)
  if (socketPath !== null)
    return http.request({ ...options, socketPath, path: CONNECT_PATH, headers: { host: 'bothy', ...options.headers } })
  const url = connectUrl(to)
  return url.protocol === 'https:' ? https.request(url, options) : http.request(url, options)
}

async function webSocket(to: Dial, signal: AbortSignal): Promise<Duplex> {
  const { WebSocket } = await import('ws')
  const url = connectUrl(to)
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:'
  const socket = new WebSocket(url, {
    headers: headersOf(to),
    perMessageDeflate: false,
    skipUTF8Validation: true,
    maxPayload: MESSAGE_BYTES_MAX,
  })
  return new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => socket.terminate())
    socket.on('error', reject)
    socket.on('unexpected-response', (_asked, answer) => rejected(answer).then(reject, reject))
    // Synchronously: the control plane's first bytes may already be buffered.
    socket.on('open', () => resolve(messageDuplex(socket)))
  })
}

async function rejected(answer: http.IncomingMessage): Promise<NotUpgraded> {
  let text = ''
  answer.setEncoding('utf8')
  for await (const part of answer) {
    text += String(part)
    if (text.length > ANSWER_LENGTH_MAX) break
  }
  const said = text.slice(0, ANSWER_LENGTH_MAX).trim()
  return new NotUpgraded(answer, said || `the control plane answered ${answer.statusCode}`)
}
