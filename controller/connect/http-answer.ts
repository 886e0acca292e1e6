import { STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import { Refused, Transient, messageOf } from '../kernel/errors.ts'

/** Answers an upgrade that is not done, on the bare socket, and closes it, also when the other side would keep it open. */
export function answerPlainly(socket: Duplex, code: number, text: string, more: Readonly<Record<string, string>> = {}): void {
  const body = Buffer.from(`${text}\n`)
  socket.end(
    [
      `HTTP/1.1 ${code} ${STATUS_CODES[code] ?? ''}`,
      ...Object.entries({ 'content-type': 'text/plain; charset=utf-8', ...more }).map(([name, value]) => `${name}: ${value}`),
      `content-length: ${body.length}`,
      'connection: close',
      '',
      body.toString('utf8'),
    ].join('\r\n'),
    () => socket.destroy(),
  )
}

/** In the shape of a Kubernetes API server's refusals. */
export function answerStatus(socket: Duplex, error: unknown): void {
  const refused = asRefused(error)
  const { reason, message, details, code } = refused
  const status = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, reason, details, code }
  answerPlainly(socket, code, JSON.stringify(status), { 'content-type': 'application/json' })
}

function asRefused(error: unknown): Refused {
  if (error instanceof Refused) return error
  if (error instanceof Transient) return new Refused('ServiceUnavailable', messageOf(error), { retryAfterSeconds: 1 })
  return new Refused('InternalError', 'This is a fault of the control plane; its log has the details.')
}
