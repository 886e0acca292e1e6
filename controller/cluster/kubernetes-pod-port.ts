import type { IncomingMessage } from 'node:http'
import { Duplex } from 'node:stream'
import { WebSocket } from 'ws'
import type { Clock } from '../kernel/clock.ts'
import { messageOf, Transient } from '../kernel/errors.ts'
import { problemOf } from './kubernetes-answers.ts'
import type { KubernetesConnection } from './kubernetes-connection.ts'

/**
 * A connection to a port of a pod, through the API server and the kubelet: a WebSocket each, whose messages begin with the
 * number of a channel. There are two to a port, its bytes and what went wrong; each begins with a message that says which port.
 * Neither direction ends by itself, so what goes over it must say its own end.
 */

const PROTOCOL = 'v4.channel.k8s.io'
const CHANNEL = { bytes: 0, wrong: 1 } as const
const BYTES_HEAD = Buffer.of(CHANNEL.bytes)
const OPEN_LIMIT_MS = 15_000
/** What stands between may end what is silent. Nobody waits for the answer: it comes late where the pod reads slowly. */
const PING_EVERY_MS = 15_000
const CLOSED_WELL = 1000
const ANSWER_CHARACTERS_MAX = 64 * 1024
const MESSAGE_BYTES_MAX = 64 * 1024

export interface PodPort {
  readonly namespace: string
  readonly pod: string
  readonly port: number
}

/** Rejects with Refused or Transient, as requests do; a port that nobody listens at breaks the connection with the reason. */
export async function connectPodPort(connection: KubernetesConnection, at: PodPort, clock: Clock): Promise<Duplex> {
  const path = `/api/v1/namespaces/${encodeURIComponent(at.namespace)}/pods/${encodeURIComponent(at.pod)}/portforward`
  const { url, options } = await connection.way({ path, query: { ports: String(at.port) } })
  const socket = new WebSocket(url.replace(/^http/, 'ws'), [PROTOCOL], {
    ...options,
    perMessageDeflate: false,
    handshakeTimeout: OPEN_LIMIT_MS,
  })
  // It is spoken on as soon as it is open: listened to from the first moment on. What breaks it is told to whoever is given it.
  const bytes = bytesOver(socket, at).on('error', () => {})
  await opened(socket)
  keepFromSilence(socket, clock)
  return bytes
}

function opened(socket: WebSocket): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.on('open', resolve)
    socket.on('error', (error) => reject(new Transient(`the API server cannot be reached: ${messageOf(error)}`, { cause: error })))
    socket.on('unexpected-response', (_request, answer) => {
      problemIn(answer).then(reject, reject)
    })
  })
}

async function problemIn(answer: IncomingMessage): Promise<Error> {
  let text = ''
  for await (const part of answer.setEncoding('utf8')) text += String(part).slice(0, ANSWER_CHARACTERS_MAX - text.length)
  return problemOf(answer.statusCode ?? 500, parsed(text), answer.headers)
}

function parsed(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text)
    return value
  } catch {
    return text
  }
}

function keepFromSilence(socket: WebSocket, clock: Clock): void {
  let cancel: (() => void) | null = null
  const again = () => {
    cancel = clock.after(PING_EVERY_MS, () => {
      if (socket.readyState === WebSocket.OPEN) socket.ping()
      again()
    })
  }
  again()
  socket.on('close', () => cancel?.())
}

function bytesOver(socket: WebSocket, at: PodPort): Duplex {
  const begun = new Set<number>()
  let over = false
  const duplex = new Duplex({
    // There is no half of it: who ends writing ends it.
    allowHalfOpen: false,
    read: () => socket.resume(),
    write(chunk: Buffer, _encoding, done) {
      let from = 0
      for (; from + MESSAGE_BYTES_MAX < chunk.length; from += MESSAGE_BYTES_MAX)
        socket.send(Buffer.concat([BYTES_HEAD, chunk.subarray(from, from + MESSAGE_BYTES_MAX)]), () => {})
      socket.send(Buffer.concat([BYTES_HEAD, chunk.subarray(from)]), (error) => done(error ?? null))
    },
    final(done) {
      socket.close(CLOSED_WELL)
      done()
    },
    destroy(error, done) {
      if (!over) socket.terminate()
      done(error)
    },
  })
  socket.on('message', (data: Buffer) => {
    const [channel = -1, rest] = [data[0], data.subarray(1)]
    if (!begun.has(channel)) begun.add(channel)
    else if (channel === CHANNEL.bytes) {
      if (rest.length > 0 && !duplex.push(rest)) socket.pause()
    } else if (rest.length > 0) duplex.destroy(notReached(at, rest.toString('utf8')))
  })
  socket.on('error', (error) => duplex.destroy(error))
  socket.on('close', () => {
    over = true
    duplex.push(null)
  })
  return duplex
}

/** A kubelet says it in the words of three programs, the names of namespaces included. */
function notReached({ pod, port }: PodPort, said: string): Error {
  const why = said.includes('connection refused') ? 'nothing listens there' : said.trim()
  return new Transient(`port ${port} of pod ${pod} cannot be reached: ${why}`)
}
