import { connect, type Socket } from 'node:net'
import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2'
import { messageOf } from '../controller/kernel/errors.ts'
import { pour } from '../controller/kernel/pour.ts'
import { actorIn } from './actor.ts'
import { HEADER_TARGET, HEADER_USE, USE_KINDS, type UseKind } from './protocol.ts'
import { answer, type Service } from './serve.ts'
import type { Stats } from './stats.ts'

const CONNECTIONS_MAX = 1000
const DIAL_LIMIT_MS = 10_000
const TARGET = /^(?:tcp:(?:\[(?<ip6>[^\]]+)\]|(?<host>[^:]+)):(?<port>\d{1,5})|unix:(?<path>\/[^\0]+))$/

type Address = { readonly host: string; readonly port: number } | { readonly path: string }

/** One connection to something that listens inside the workspace: what refuses is said before any byte. */
export function createPortService({ stats }: { readonly stats: Pick<Stats, 'begin'> }): Service {
  let open = 0
  return (stream, headers) => {
    const target = targetIn(headers)
    const address = target === null ? null : addressOf(target)
    if (target === null || !address) return answer(stream, 400, { message: 'The target is neither tcp:HOST:PORT nor unix:/PATH.' })
    if (open >= CONNECTIONS_MAX)
      return answer(stream, 429, { message: `${CONNECTIONS_MAX} connections to ports are open in this workspace already.` })
    open += 1
    stream.once('close', () => (open -= 1))
    const socket = connect({ ...address, allowHalfOpen: true })
    socket.setTimeout(DIAL_LIMIT_MS, () => socket.destroy(new Error(`it did not answer within ${DIAL_LIMIT_MS / 1000} s`)))
    const refuse = (error: Error) => {
      const where = target.replace(/^(tcp|unix):/, '')
      answer(stream, 502, { message: `Nothing answers at ${where} in the workspace: ${reasonOf(error)}.` })
    }
    socket.once('error', refuse)
    stream.once('close', () => socket.destroy())
    socket.once('connect', () => {
      socket.off('error', refuse)
      socket.setTimeout(0)
      socket.setNoDelay(true)
      join(stream, socket, stats.begin(useIn(headers), actorIn(headers)))
    })
  }
}

function join(stream: ServerHttp2Stream, socket: Socket, use: ReturnType<Stats['begin']>): void {
  let ended = false
  stream.respond({ ':status': 200, 'content-type': 'application/octet-stream' })
  stream.on('data', (data: Buffer) => use.touch(data.length))
  socket.on('data', (data: Buffer) => use.touch(0, data.length))
  stream.on('close', use.end)
  socket.on('error', () => {})
  socket.on('end', () => (ended = true))
  socket.on('close', () => {
    // Cut short is a reset, and never an end.
    if (!ended && !stream.destroyed) stream.destroy(new Error('the connection in the workspace broke'))
  })
  // A person who is gone, other than one who has said everything.
  stream.on('aborted', () => socket.resetAndDestroy())
  pour(stream, socket)
  pour(socket, stream)
}

function targetIn(headers: IncomingHttpHeaders): string | null {
  try {
    return decodeURIComponent(String(headers[HEADER_TARGET] ?? ''))
  } catch {
    return null
  }
}

function addressOf(target: string): Address | null {
  const { ip6, host, port, path } = TARGET.exec(target)?.groups ?? {}
  if (path !== undefined) return { path }
  const name = ip6 ?? host
  const number = Number(port)
  return name !== undefined && number > 0 && number < 65_536 ? { host: name, port: number } : null
}

function useIn(headers: IncomingHttpHeaders): UseKind {
  const asked = headers[HEADER_USE]
  return USE_KINDS.find((kind) => kind === asked) ?? 'PortForward'
}

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'the connection was refused',
  ENOENT: 'there is no such socket',
  ENOTFOUND: 'there is no such host',
  EACCES: 'the agent may not use it',
  EHOSTUNREACH: 'the host cannot be reached',
}

const reasonOf = (error: Error): string => ('code' in error && REASONS[String(error.code)]) || messageOf(error)
