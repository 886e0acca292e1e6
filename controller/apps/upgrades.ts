import { STATUS_CODES, type IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import { pipeline, type Duplex } from 'node:stream'
import { askedOf, type Way } from './forward.ts'
import type { Admitted } from './gate.ts'
import { headersFromApp, statusOf } from './headers.ts'
import { busy, failed } from './notices.ts'
import { rendered, type Notice } from './pages.ts'

/** WebSockets, and whatever else a connection becomes: after the app has agreed, bytes both ways. */

const KEEPALIVE_MS = 15_000

export function forwardUpgrade(way: Way, admitted: Admitted, request: IncomingMessage, socket: Duplex, head: Buffer): void {
  const asked = askedOf(way, admitted, request, request.headers.upgrade ?? '')
  let inner: Duplex | null = null
  const over = way.live.begin(admitted, () => {
    asked.destroy()
    inner?.destroy()
    socket.destroy()
  })
  if (!over) {
    asked.destroy()
    return refuse(request, socket, busy())
  }
  socket.on('close', () => {
    over()
    asked.destroy()
  })
  asked.on('upgrade', (answer, stream, first) => {
    inner = stream
    asked.setTimeout(0)
    const upgrade = answer.headers.upgrade ?? ''
    socket.write(headOf(answer, admitted, '101 Switching Protocols', ['connection: Upgrade', `upgrade: ${upgrade}`]))
    if (socket instanceof Socket) {
      socket.setTimeout(0)
      socket.setNoDelay(true)
      socket.setKeepAlive(true, KEEPALIVE_MS)
    }
    if (first.length > 0) stream.unshift(first)
    if (head.length > 0) socket.unshift(head)
    joined(socket, stream)
  })
  asked.on('response', (answer) => {
    const status = statusOf(answer)
    if (!status) return void asked.destroy(new Error('the app answered with a code that is none'))
    // It does not want to: what it says instead is the answer, and the end of this connection.
    socket.write(headOf(answer, admitted, `${status.code} ${status.phrase}`, ['connection: close']))
    pipeline(answer, socket, () => socket.destroy())
  })
  asked.on('error', (error) => {
    const { place, workspace, title } = admitted
    if (inner) return void socket.destroy()
    refuse(request, socket, failed(title, 'app' in place.what ? workspace.health.get(place.what.app) : undefined, error))
  })
  asked.end()
}

function joined(socket: Duplex, stream: Duplex): void {
  const end = () => {
    socket.destroy()
    stream.destroy()
  }
  pipeline(socket, stream, (error) => error && end())
  pipeline(stream, socket, (error) => error && end())
  stream.on('close', () => socket.end())
  socket.on('close', end)
}

function headOf(answer: IncomingMessage, { face, cookie }: Admitted, status: string, more: readonly string[]): string {
  const headers = headersFromApp(answer, face)
  const lines = Object.entries(headers).flatMap(([name, value]) => [value].flat().map((each) => `${name}: ${each}`))
  const ours = cookie === null ? [] : [`set-cookie: ${cookie}`]
  return `HTTP/1.1 ${status}\r\n${[...lines, ...ours, ...more].join('\r\n')}\r\n\r\n`
}

export function refuse(request: IncomingMessage, socket: Duplex, notice: Notice): void {
  if (!socket.writable) return void socket.destroy()
  const { headers, body } = rendered(request, notice)
  const lines = Object.entries({ ...headers, connection: 'close' }).map(([name, value]) => `${name}: ${value}`)
  socket.end(`HTTP/1.1 ${notice.code} ${STATUS_CODES[notice.code] ?? ''}\r\n${lines.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy())
}
