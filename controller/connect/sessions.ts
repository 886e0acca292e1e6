import type { ClientHttp2Stream, OutgoingHttpHeaders } from 'node:http2'
import type { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { WebSocketServer } from 'ws'
import { FRAME_BYTES_MAX, HEADER_ACTOR } from '../../agent/protocol.ts'
import type { Clock } from '../kernel/clock.ts'
import { messageOf, Refused } from '../kernel/errors.ts'
import type { Log } from '../kernel/log.ts'
import type { Metrics } from '../kernel/metrics.ts'
import { framedDuplex } from '../kernel/framed-duplex.ts'
import { keyOf } from '../kernel/names.ts'
import { keepSocketAlive } from '../kernel/socket-pings.ts'
import { audit } from '../store/audit.ts'
import type { Db } from '../store/pool.ts'
import type { AgentRow, Subject } from '../store/records.ts'
import { answeredWell } from './agent-answer.ts'
import { bridgeApart, bridgeTogether, CLOSE, cutOff, webSocketApart, type Bridged } from './bridge.ts'
import { BRIDGED, type BridgedName, type BridgedService } from './bridged-services.ts'
import { answerStatus } from './http-answer.ts'
import { abandon, type StreamOptions } from './link.ts'

export interface EnterTarget {
  /** The workspace. */
  readonly subject: Subject
  /** null: the only one it has. */
  readonly agentName: string | null
  /** Who asked, already authorised. */
  readonly actor: string
  readonly service: BridgedName
  readonly query: URLSearchParams
}

export type Enter = (target: EnterTarget, request: IncomingMessage, socket: Duplex, head: Buffer) => void

export interface SessionPorts {
  readonly db: Db
  readonly clock: Clock
  readonly log: Log
  readonly metrics: Metrics
  readonly agentOf: (workspaceUid: string, name: string | null) => Promise<AgentRow>
  readonly openStream: (agentId: string, path: string, headers?: OutgoingHttpHeaders, options?: StreamOptions) => Promise<ClientHttp2Stream>
  /** Why nobody may enter this workspace now; null: people may. */
  readonly barred: (workspace: Subject) => Refused | null
}

export interface Sessions {
  readonly enter: Enter
  /** Ends at once what goes on in a workspace that nobody may enter any more. */
  review(): void
  close(): void
}

/**
 * For programs, at half the cost of a WebSocket: the bytes as they are on the bare socket after the 101, or in pieces that
 * say their length, so that an end can be told from a control plane that was killed.
 */
export const RAW_SESSION = 'bothy-raw'
export const FRAMED_SESSION = 'bothy-framed'
const PING_EVERY_MS = 30_000
const TCP_KEEPALIVE_MS = 15_000

interface Session {
  readonly target: EnterTarget
  cut(): void
  /** The control plane ends: whoever can come back is told to. */
  restart(): void
}

/** Bridges people's connections to streams of agents. */
export function createSessions(ports: SessionPorts): Sessions {
  const { log, metrics, barred } = ports
  const open = new Set<Session>()
  const counts = new Map<BridgedName, number>()
  metrics.gauge('bothy_sessions', 'Connections of people into workspaces, by service', () => {
    return new Map([...counts].map(([service, count]) => [{ service }, count]))
  })
  /** Counted from the beginning: those that wait for an agent are there too. */
  const count = ({ service }: EnterTarget, socket: Duplex) => {
    const { sessionsMax, action }: BridgedService = BRIDGED[service]
    const before = counts.get(service) ?? 0
    if (before >= sessionsMax) throw new Refused('TooManyRequests', `${sessionsMax} connections of ${action} are open here already.`)
    counts.set(service, before + 1)
    socket.once('close', () => counts.set(service, (counts.get(service) ?? 1) - 1))
  }
  const connect = async (target: EnterTarget, request: IncomingMessage, socket: Duplex, head: Buffer) => {
    // It closed while it was asked whether there is such a workspace: it will not say so again.
    if (socket.destroyed) return
    refuseBarred(barred, target)
    count(target, socket)
    const { agent, stream, keep } = await opened(ports, target, socket)
    if (socket.destroyed) return abandon(stream)
    // A socket that is closed no longer says where it came from.
    const origin = request.socket.remoteAddress ?? ''
    const begin = (ends: Pick<Session, 'cut' | 'restart'>) => {
      keep()
      const startedAt = ports.clock.elapsedMs()
      const session: Session = { target, ...ends }
      open.add(session)
      return (bytes: Bridged) => {
        open.delete(session)
        const seconds = Math.round((ports.clock.elapsedMs() - startedAt) / 1000)
        note(ports, target, { agent: agent.name, origin, seconds, ...bytes })
      }
    }
    accept(ports, BRIDGED[target.service], { request, socket, head }, stream, begin)
  }

  return {
    enter(target, request, socket, head) {
      socket.on('error', () => {})
      connect(target, request, socket, head).catch((error: unknown) => {
        if (!(error instanceof Refused)) log.warn('a person could not be connected', { service: target.service, error })
        answerStatus(socket, error)
      })
    },
    review() {
      // Whoever comes back is told why not.
      for (const session of open) if (barred(session.target.subject)) session.cut()
    },
    close() {
      for (const session of open) session.restart()
    },
  }
}

interface Opened {
  readonly agent: AgentRow
  readonly stream: ClientHttp2Stream
  /** Until then the end of the person's socket is the end of the stream. */
  keep(): void
}

async function opened(ports: SessionPorts, target: EnterTarget, socket: Duplex): Promise<Opened> {
  const { path, action, waitsForAnswer, headers }: BridgedService = BRIDGED[target.service]
  const told = headers(target.query)
  const agent = await ports.agentOf(target.subject.uid, target.agentName)
  const stream = await ports.openStream(agent.id, path, {
    'content-type': 'application/octet-stream',
    [HEADER_ACTOR]: encodeURIComponent(target.actor),
    ...told,
  })
  // While its agent is asked, and while a handshake goes on that is wrong and that the library answers, telling nobody.
  const leave = () => abandon(stream)
  socket.once('close', leave)
  try {
    if (waitsForAnswer) await answeredWell(stream, ports.clock, action)
    refuseBarred(ports.barred, target)
  } catch (error) {
    abandon(stream)
    throw error
  }
  return { agent, stream, keep: () => void socket.off('close', leave) }
}

interface Upgrading {
  readonly request: IncomingMessage
  readonly socket: Duplex
  readonly head: Buffer
}

type Begin = (ends: Pick<Session, 'cut' | 'restart'>) => (bytes: Bridged) => void

const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false, maxPayload: FRAME_BYTES_MAX * 2 })

function accept(
  { clock }: SessionPorts,
  { ends }: BridgedService,
  { request, socket, head }: Upgrading,
  stream: ClientHttp2Stream,
  begin: Begin,
): void {
  const form = request.headers.upgrade?.toLowerCase()
  if (form === RAW_SESSION || form === FRAMED_SESSION) {
    const cut = () => cutOff(socket)
    const bytes = raw(socket, head, form)
    return bridgeApart(form === FRAMED_SESSION ? framedDuplex(bytes) : bytes, stream, begin({ cut, restart: cut }))
  }
  sockets.handleUpgrade(request, socket, head, (ws) => {
    keepSocketAlive(ws, clock, PING_EVERY_MS)
    const over = begin({ cut: () => ws.terminate(), restart: () => ws.close(CLOSE.restarting) })
    if (ends === 'together') bridgeTogether(ws, stream, over)
    else bridgeApart(webSocketApart(ws), stream, over)
  })
}

function refuseBarred(barred: SessionPorts['barred'], { subject }: EnterTarget): void {
  const refused = barred(subject)
  if (refused) throw refused
}

function raw(socket: Duplex, head: Buffer, form: string): Duplex {
  socket.write(`HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: ${form}\r\n\r\n`)
  if (socket instanceof Socket) {
    socket.setTimeout(0)
    socket.setNoDelay(true)
    socket.setKeepAlive(true, TCP_KEEPALIVE_MS)
  }
  if (head.length > 0) socket.unshift(head)
  return socket
}

interface Entry extends Bridged {
  readonly agent: string
  readonly origin: string
  readonly seconds: number
}

function note({ db, log, metrics }: SessionPorts, { actor, subject, service, query }: EnterTarget, { origin, ...what }: Entry): void {
  const { action, detail: detailOf }: BridgedService = BRIDGED[service]
  metrics.count('bothy_session_bytes_total', 'Bytes of people to and from workspaces', { service, direction: 'in' }, what.bytesIn)
  metrics.count('bothy_session_bytes_total', 'Bytes of people to and from workspaces', { service, direction: 'out' }, what.bytesOut)
  const detail = { ...what, ...detailOf(query) }
  const key = keyOf('Workspace', subject.namespace, subject.name)
  audit(db, { actor, action, subject: key, origin, detail }).catch((error: unknown) =>
    log.error('a connection could not be written to the audit', { actor, action, subject: key, ...detail, error: messageOf(error) }),
  )
}
