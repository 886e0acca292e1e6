import type { IncomingHttpHeaders } from 'node:http'
import { isJsonObject } from '../../crds/schema/types.ts'
import { Refused, Transient, type Cause, type RefusedDetails, type RefusedReason } from '../kernel/errors.ts'

/** What an API server says when it does not do what it was asked (`metav1.Status`), as the errors of this house. Pure. */

/** It can do nothing for us now, and may have said when to ask again. */
export class Busy extends Transient {
  override readonly retryAfterMs: number | null
  constructor(message: string, retryAfterMs: number | null) {
    super(message)
    this.retryAfterMs = retryAfterMs
  }
}

/** It is more than we are ready to hold: less of it may be asked for. */
export class TooLarge extends Transient {}

type Json = Readonly<Record<string, unknown>>

const RETRY_AFTER_MS_MAX = 60_000
const MESSAGE_CHARACTERS_MAX = 8192

/** Reasons of the API that are ours by the same name. */
const REASONS: ReadonlySet<string> = new Set<RefusedReason>([
  'BadRequest',
  'Unauthorized',
  'Forbidden',
  'NotFound',
  'MethodNotAllowed',
  'AlreadyExists',
  'Conflict',
  'Expired',
  'Invalid',
  'RequestEntityTooLarge',
  'UnsupportedMediaType',
])

/** Where there is no reason, or one that nobody here tells apart. */
const BY_CODE: Readonly<Record<number, RefusedReason>> = {
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  405: 'MethodNotAllowed',
  409: 'Conflict',
  410: 'Expired',
  413: 'RequestEntityTooLarge',
  415: 'UnsupportedMediaType',
  422: 'Invalid',
}

/** The error of an answer of 400 and above, or of an ERROR within a watch. */
export function problemOf(code: number, body: unknown, headers: IncomingHttpHeaders = {}): Refused | Transient {
  const status: Json = isJsonObject(body) && body['kind'] === 'Status' ? body : {}
  const said = textOf(status['message']) ?? (typeof body === 'string' ? body.trim() : '')
  const message = said.slice(0, MESSAGE_CHARACTERS_MAX) || `the API server answered ${code}`
  const details = detailsOf(status['details'])
  if (code === 408 || code === 429 || code >= 500) return new Busy(message, retryAfterMs(headers['retry-after'], details))
  const reason = textOf(status['reason']) ?? ''
  return new Refused(isReason(reason) ? reason : (BY_CODE[code] ?? 'BadRequest'), message, details)
}

const isReason = (reason: string): reason is RefusedReason => REASONS.has(reason)

const textOf = (value: unknown): string | null => (typeof value === 'string' && value !== '' ? value : null)

function detailsOf(value: unknown): RefusedDetails {
  if (!isJsonObject(value)) return {}
  const { name, group, kind, causes, retryAfterSeconds } = value
  return {
    ...(typeof name === 'string' ? { name } : {}),
    ...(typeof group === 'string' ? { group } : {}),
    ...(typeof kind === 'string' ? { kind } : {}),
    ...(Array.isArray(causes) ? { causes: causes.filter(isJsonObject).map(causeOf) } : {}),
    ...(typeof retryAfterSeconds === 'number' ? { retryAfterSeconds } : {}),
  }
}

const causeOf = ({ reason, message, field }: Json): Cause => ({
  reason: textOf(reason) ?? '',
  message: textOf(message) ?? '',
  field: textOf(field) ?? '',
})

function retryAfterMs(header: string | undefined, { retryAfterSeconds }: RefusedDetails): number | null {
  const seconds = header === undefined || header.trim() === '' ? retryAfterSeconds : Number(header)
  if (seconds === undefined || !Number.isFinite(seconds) || seconds < 0) return null
  return Math.min(seconds * 1000, RETRY_AFTER_MS_MAX)
}

const WARNING = /^\d{3} \S+ "(?<text>(?:[^"\\]|\\.)*)"/

/** `Warning: 299 - "unknown field \"spec.ownr\""`, one header each. */
export const warningsOf = (headers: readonly string[] = []): string[] =>
  headers.flatMap((header) => {
    const text = WARNING.exec(header)?.groups?.['text']
    return text === undefined ? [] : [text.replace(/\\(.)/g, '$1')]
  })
