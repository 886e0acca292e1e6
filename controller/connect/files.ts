import type { IncomingMessage, ServerResponse } from 'node:http'
import type { ClientHttp2Stream, IncomingHttpHeaders } from 'node:http2'
import { HEADER_ACTOR, HEADER_FILES, SERVICES, TRAILER_COMPLETE, type FilesAsked } from '../../agent/protocol.ts'
import { within } from '../kernel/clock.ts'
import { messageOf, Refused, Transient, type RefusedReason } from '../kernel/errors.ts'
import { keyOf } from '../kernel/names.ts'
import { audit } from '../store/audit.ts'
import type { Subject } from '../store/records.ts'
import { abandon } from './link.ts'
import type { SessionPorts } from './sessions.ts'

/** Files of a workspace over plain HTTP: one request is one operation of its agent. */

export interface FilesTarget {
  readonly subject: Subject
  readonly agentName: string | null
  readonly actor: string
  readonly asked: FilesAsked
}

export interface Files {
  /** Throws `Refused` while nothing has been answered. */
  serve(target: FilesTarget, request: IncomingMessage, response: ServerResponse): Promise<void>
  /** Ends at once what goes on in a workspace that nobody may enter any more. */
  review(): void
  close(): void
}

const AT_ONCE_MAX = 500
const ANSWER_LIMIT_MS = 60_000
const JSON_BYTES_MAX = 16 * 1024 * 1024
/** Of an upload that stands still. */
const SILENT_LIMIT_MS = 120_000
const DISCARDED_BYTES_MAX = 256 * 1024 * 1024

const TAKES_BYTES: ReadonlySet<FilesAsked['op']> = new Set(['write', 'unpack'])
const GIVES_BYTES: ReadonlySet<FilesAsked['op']> = new Set(['read', 'pack', 'watch'])

export function createFiles(ports: SessionPorts): Files {
  const open = new Map<ClientHttp2Stream, Subject>()

  const serve = async (target: FilesTarget, request: IncomingMessage, response: ServerResponse) => {
    const { subject, asked, actor } = target
    const refused = ports.barred(subject)
    if (refused) throw refused
    if (open.size >= AT_ONCE_MAX) throw new Refused('TooManyRequests', `${AT_ONCE_MAX} transfers are under way here already.`)
    // A request that is over no longer says where it came from.
    const origin = request.socket.remoteAddress ?? ''
    const agent = await ports.agentOf(subject.uid, target.agentName)
    const headers = { [HEADER_FILES]: encodeURIComponent(JSON.stringify(asked)), [HEADER_ACTOR]: encodeURIComponent(actor) }
    const stream = await ports.openStream(agent.id, SERVICES.files, headers, { waitForTrailers: TAKES_BYTES.has(asked.op) })
    const startedAt = ports.clock.elapsedMs()
    const bytes = { bytesIn: 0, bytesOut: 0 }
    open.set(stream, subject)
    response.once('close', () => abandon(stream))
    // It closed while the agent was looked for, and will not say so again.
    if (response.destroyed) abandon(stream)
    request.on('data', (part: Buffer) => (bytes.bytesIn += part.length))
    try {
      await carry(ports, stream, target, request, response, (count) => (bytes.bytesOut += count))
    } finally {
      open.delete(stream)
      const seconds = Math.round((ports.clock.elapsedMs() - startedAt) / 1000)
      note(ports, target, { origin, agent: agent.name, seconds, ...bytes })
    }
  }
  const cutWhere = (isCut: (subject: Subject) => boolean) => {
    for (const [stream, subject] of open) if (isCut(subject)) abandon(stream)
  }
  return { serve, review: () => cutWhere((subject) => ports.barred(subject) !== null), close: () => cutWhere(() => true) }
}

async function carry(
  ports: SessionPorts,
  stream: ClientHttp2Stream,
  { asked }: FilesTarget,
  request: IncomingMessage,
  response: ServerResponse,
  sent: (bytes: number) => void,
): Promise<void> {
  const answered = answerOf(stream, GIVES_BYTES.has(asked.op))
  // Told again by whoever waits for it; here it must not go unheard.
  answered.catch(() => {})
  if (TAKES_BYTES.has(asked.op)) await sendBody(ports, stream, request)
  else stream.end()
  const late = () => new Transient(`the agent did not answer within ${ANSWER_LIMIT_MS / 1000} s`)
  const { headers, text: said } = await within(ports.clock, ANSWER_LIMIT_MS, answered, late)
  const status = Number(headers[':status'] ?? 0)
  if (said === null) return sendAnswer(stream, headers, response, sent)
  const text = await said
  if (status !== 200) throw refusalOf(status, text)
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) })
  response.end(text)
}

const AGENT_LOST = 'the agent of the workspace was lost: nothing half done is left'

interface Answered {
  readonly headers: IncomingHttpHeaders
  /** All of it; null where it is bytes that are to be passed on. */
  readonly text: Promise<string> | null
}

/** Whoever refuses does not wait until we have said all: what it says is read from the first moment. */
function answerOf(stream: ClientHttp2Stream, bytes: boolean): Promise<Answered> {
  return new Promise((resolve, reject) => {
    stream.once('response', (headers) => {
      const text = bytes && headers[':status'] === 200 ? null : textOf(stream)
      text?.catch(() => {})
      resolve({ headers, text })
    })
    stream.once('close', () => reject(new Transient(AGENT_LOST)))
  })
}

/** The trailer says that all of it came: a person who breaks off never gets as far as that. */
async function sendBody({ clock }: SessionPorts, stream: ClientHttp2Stream, request: IncomingMessage): Promise<void> {
  let refused = false
  let discarded = 0
  let movedAt = clock.elapsedMs()
  const over = new AbortController()
  stream.once('response', () => (refused = true))
  stream.once('wantTrailers', () => stream.sendTrailers({ [TRAILER_COMPLETE]: '1' }))
  const watchSilence = async () => {
    while (!over.signal.aborted) {
      await clock.sleep(SILENT_LIMIT_MS / 4, over.signal)
      if (clock.elapsedMs() - movedAt > SILENT_LIMIT_MS) request.destroy()
    }
  }
  void watchSilence()
  try {
    for await (const part of request) {
      movedAt = clock.elapsedMs()
      // The agent has said why it takes no more. A person hears that only when they were read out, within reason.
      if (refused || stream.destroyed) {
        discarded += part.length
        if (discarded > DISCARDED_BYTES_MAX) return
        continue
      }
      if (!stream.write(part)) await ready(stream)
      movedAt = clock.elapsedMs()
    }
    if (refused || stream.destroyed) return
    if (request.complete) stream.end()
    else abandon(stream)
  } catch {
    abandon(stream)
  } finally {
    over.abort()
  }
}

function ready(stream: ClientHttp2Stream): Promise<void> {
  const events = ['drain', 'close', 'response']
  return new Promise((resolve) => {
    const done = () => {
      for (const event of events) stream.off(event, done)
      resolve()
    }
    for (const event of events) stream.on(event, done)
  })
}

function sendAnswer(
  stream: ClientHttp2Stream,
  headers: IncomingHttpHeaders,
  response: ServerResponse,
  sent: (bytes: number) => void,
): Promise<void> {
  const told = ['bothy-size', 'bothy-mode', 'bothy-mtime'].flatMap((name) => (headers[name] === undefined ? [] : [[name, headers[name]]]))
  response.writeHead(200, {
    ...Object.fromEntries(told),
    'content-type': headers['content-type'] === 'application/x-ndjson' ? 'application/x-ndjson' : 'application/octet-stream',
    // Whatever a workspace has is never shown as a page of ours.
    'content-disposition': 'attachment',
    trailer: TRAILER_COMPLETE,
  })
  response.flushHeaders()
  return new Promise((resolve) => {
    // The trailer is told of when it comes, which may be before what was held back here has been passed on: the end comes last.
    let [complete, ended] = [false, false]
    stream.on('trailers', (trailers) => (complete = trailers[TRAILER_COMPLETE] === '1'))
    stream.on('end', () => (ended = true))
    stream.on('data', (part: Buffer) => {
      sent(part.length)
      if (response.write(part)) return
      stream.pause()
      response.once('drain', () => stream.resume())
    })
    stream.on('close', () => {
      if (complete && ended) {
        response.addTrailers({ [TRAILER_COMPLETE]: '1' })
        response.end()
      } else response.destroy()
      resolve()
    })
  })
}

/** Half of an answer is none: it may even be one that makes sense. */
function textOf(stream: ClientHttp2Stream): Promise<string> {
  const parts: Buffer[] = []
  let bytes = 0
  return new Promise((resolve, reject) => {
    stream.on('data', (part: Buffer) => {
      bytes += part.length
      if (bytes <= JSON_BYTES_MAX) return void parts.push(part)
      // Before it is abandoned, which looks like an end.
      reject(new Refused('Conflict', `The agent of the workspace answered more than ${JSON_BYTES_MAX / 1024 / 1024} MiB.`))
      abandon(stream)
    })
    stream.once('end', () => resolve(Buffer.concat(parts).toString()))
    stream.once('close', () => reject(new Transient(AGENT_LOST)))
  })
}

const REASONS: Readonly<Record<string, RefusedReason>> = {
  NotFound: 'NotFound',
  Denied: 'Forbidden',
  Exists: 'Conflict',
  Invalid: 'BadRequest',
  Outside: 'BadRequest',
  NoSpace: 'Conflict',
  Busy: 'TooManyRequests',
  Failed: 'Conflict',
}

function refusalOf(status: number, text: string): Refused {
  let said: unknown = null
  try {
    said = JSON.parse(text)
  } catch {
    // An agent that does not know the service answers nothing.
  }
  if (typeof said === 'object' && said !== null && 'code' in said && 'message' in said && typeof said.message === 'string')
    return new Refused(REASONS[String(said.code)] ?? 'Conflict', said.message.slice(0, 2000))
  if (status === 404)
    return new Refused('Conflict', 'The agent of the workspace is too old for files: restart the workspace to give it a newer one.')
  return new Refused('Conflict', 'The agent of the workspace refused it.')
}

interface Entry {
  readonly origin: string
  readonly agent: string
  readonly seconds: number
  readonly bytesIn: number
  readonly bytesOut: number
}

function note({ db, log }: SessionPorts, { actor, subject, asked }: FilesTarget, { origin, ...what }: Entry): void {
  const key = keyOf('Workspace', subject.namespace, subject.name)
  const detail = { op: asked.op, path: asked.path.slice(0, 1024), root: asked.root, ...what }
  audit(db, { actor, action: 'files', subject: key, origin, detail }).catch((error: unknown) =>
    log.error('a transfer could not be written to the audit', { actor, subject: key, ...detail, error: messageOf(error) }),
  )
}
