import type { ServerResponse } from 'node:http'
import { messageOf, Refused, Transient, type RefusedDetails } from '../kernel/errors.ts'

/** `metav1.Status`: the one shape of everything that is refused. */
export interface Status {
  readonly kind: 'Status'
  readonly apiVersion: 'v1'
  readonly metadata: object
  readonly status: 'Success' | 'Failure'
  readonly message?: string
  readonly reason?: string
  readonly details?: object
  readonly code?: number
}

export const success = (details: RefusedDetails & { readonly uid?: string }): Status => ({
  kind: 'Status',
  apiVersion: 'v1',
  metadata: {},
  status: 'Success',
  details: named(details),
})

/** What has no name is not named: the group of Kubernetes' first kinds, an object without one, the cause that is in no field. */
const named = ({ group, name, causes, ...details }: RefusedDetails & { readonly uid?: string }): object => ({
  ...(name ? { name } : {}),
  ...(group ? { group } : {}),
  ...details,
  ...(causes ? { causes: causes.map(({ field, ...cause }) => (field === '' ? cause : { ...cause, field })) } : {}),
})

/** Whatever was thrown, as what a client may see. A bug shows no more than where to look for it. */
export function refusedBy(error: unknown, requestId: string): Refused {
  if (error instanceof Refused) return error
  if (error instanceof Transient) return new Refused('ServiceUnavailable', messageOf(error), { retryAfterSeconds: 1 })
  return new Refused('InternalError', `an internal error occurred; the log has it under request id ${requestId}`)
}

export function failure({ reason, message, details, code }: Refused): Status {
  const told = Object.keys(details).length > 0 ? { details: named(details) } : {}
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, reason, ...told, code }
}

export function answerJson(response: ServerResponse, code: number, body: unknown): void {
  // Bytes, not a text: before a text the head would be written in its encoding, and warnings are encoded already.
  const bytes = Buffer.from(`${JSON.stringify(body)}\n`)
  response.writeHead(code, { 'content-type': 'application/json', 'content-length': bytes.length })
  response.end(bytes)
}

export function answerRefused(response: ServerResponse, refused: Refused): void {
  if (refused.details.retryAfterSeconds !== undefined) response.setHeader('retry-after', refused.details.retryAfterSeconds)
  if (refused.reason === 'Unauthorized') response.setHeader('www-authenticate', 'Bearer')
  answerJson(response, refused.code, failure(refused))
}
