import type { ClientHttp2Stream, OutgoingHttpHeaders } from 'node:http2'
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { WebSocketServer, type WebSocket } from 'ws'
import { FRAME_BYTES_MAX, HEADER_ACTOR, SERVICES } from '../../agent/protocol.ts'
import type { Clock } from '../kernel/clock.ts'
import { messageOf, Refused } from '../kernel/errors.ts'
import type { Log } from '../kernel/log.ts'
import { messageDuplex } from '../kernel/message-duplex.ts'
import type { Metrics } from '../kernel/metrics.ts'
import { keyOf } from '../kernel/names.ts'
import { keepSocketAlive } from '../kernel/socket-pings.ts'
import { audit } from '../store/audit.ts'
import type { Db } from '../store/pool.ts'
import type { AgentRow, Subject } from '../store/records.ts'
import { answerStatus } from './http-answer.ts'

export interface ExecTarget {
  /** The workspace. */
  readonly subject: Subject
  /** null: the only one it has. */
  readonly agentName: string | null
  /** Who asked, already authorised. */
  readonly actor: string
}

export type ExecUpgrade = (target: ExecTarget, request: IncomingMessage, socket: Duplex, head: Buffer) => void

export interface ExecPorts {
  readonly db: Db
  readonly clock: Clock
  readonly log: Log
  readonly metrics: Metrics
  readonly agentOf: (workspaceUid: string, name: string | null) => Promise<AgentRow>
  readonly openStream: (agentId: string, path: string, headers?: OutgoingHttpHeaders) => Promise<ClientHttp2Stream>
  /** Why nobody may enter this workspace now; null: people may. */
  readonly barred: (workspace: Subject) => Refused | null
}

export interface ExecSessions {
  readonly upgrade: ExecUpgrade
  /** Ends at once what goes on in a workspace that nobody may enter any more. */
  review(): void
  close(): void
}

const SESSIONS_MAX = 1000
const PING_EVERY_MS = 30_000
/** Close codes of WebSockets. The client comes back and goes on after each of them but the first. */
const CLOSE = { done: 1000, restarting: 1012, agentLost: 4001 } as const

/** Bridges a person's WebSocket to a stream of the agent: bytes both ways, each side held back by the other. */
export function createExecSessions(ports: ExecPorts): ExecSessions {
  const { db, clock, log, metrics, barred } = ports
  const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false, maxPayload: FRAME_BYTES_MAX * 2 })
  const open = new Map<WebSocket, ExecTarget>()
  metrics.gauge('bothy_exec_sessions', 'People who run a command in a workspace', () => open.size)

  const refuseBarred = ({ subject }: ExecTarget) => {
    const refused = barred(subject)
    if (refused) throw refused
  }
  const connect = async (target: ExecTarget, request: IncomingMessage, socket: Duplex, head: Buffer) => {
    refuseBarred(target)
    if (open.size >= SESSIONS_MAX) throw new Refused('TooManyRequests', `${SESSIONS_MAX} commands are followed here already.`)
    const agent = await ports.agentOf(target.subject.uid, target.agentName)
    const headers = { 'content-type': 'application/octet-stream', [HEADER_ACTOR]: encodeURIComponent(target.actor) }
    const stream = await ports.openStream(agent.id, SERVICES.exec, headers)
    if (socket.destroyed || barred(target.subject)) {
      stream.close()
      return refuseBarred(target)
    }
    // A handshake that is wrong is answered by the library, which tells nobody: only the end of the socket does.
    const abandon = () => stream.close()
    socket.once('close', abandon)
    sockets.handleUpgrade(request, socket, head, (ws) => {
      socket.off('close', abandon)
      open.set(ws, target)
      keepSocketAlive(ws, clock, PING_EVERY_MS)
      const startedAt = clock.elapsedMs()
      const origin = request.socket.remoteAddress ?? ''
      bridge(ws, stream, (bytes) => {
        open.delete(ws)
        const detail = { agent: agent.name, seconds: Math.round((clock.elapsedMs() - startedAt) / 1000), ...bytes }
        const subject = keyOf('Workspace', target.subject.namespace, target.subject.name)
        audit(db, { actor: target.actor, action: 'exec', subject, origin, detail }).catch((error: unknown) =>
          log.error('an exec could not be written to the audit', { actor: target.actor, subject, ...detail, error: messageOf(error) }),
        )
      })
    })
  }

  return {
    upgrade(target, request, socket, head) {
      socket.on('error', () => {})
      connect(target, request, socket, head).catch((error: unknown) => {
        if (!(error instanceof Refused)) log.warn('a command could not be followed', { error })
        answerStatus(socket, error)
      })
    },
    review() {
      // Whoever comes back is told why not.
      for (const [ws, { subject }] of open) if (barred(subject)) ws.terminate()
    },
    close() {
      for (const ws of open.keys()) ws.close(CLOSE.restarting)
    },
  }
}

function bridge(
  ws: WebSocket,
  stream: ClientHttp2Stream,
  onOver: (bytes: { readonly bytesIn: number; readonly bytesOut: number }) => void,
): void {
  const person = messageDuplex(ws)
  let [bytesIn, bytesOut] = [0, 0]
  let complete = false
  person.on('data', (chunk: Buffer) => (bytesIn += chunk.length))
  stream.on('data', (chunk: Buffer) => (bytesOut += chunk.length))
  person.on('error', () => stream.destroy())
  person.on('close', () => {
    stream.close()
    onOver({ bytesIn, bytesOut })
  })
  stream.on('end', () => (complete = stream.rstCode === 0 && !stream.aborted))
  // Who left before the agent was lost hears no code any more, and would be kept here for ever.
  const letGo = () => stream.destroyed && ws.readyState === ws.CLOSED && person.destroy()
  ws.on('close', letGo)
  stream.on('close', () => {
    if (complete) person.end()
    else ws.close(CLOSE.agentLost)
    letGo()
  })
  person.pipe(stream)
  stream.pipe(person, { end: false })
}
