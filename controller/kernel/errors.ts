import type { Reason } from './reasons.ts'

/**
 * Errors are named by what the caller does next. Anything that is none of these is a bug: its stack goes to the log,
 * `InternalError` to the condition, and the work is tried again with backoff.
 */

/** The outside world failed for now: try again with backoff; invisible to people until it lasts. */
export class Transient extends Error {
  override readonly name = 'Transient'
  /** What failed said itself when to ask again; null: it did not. */
  readonly retryAfterMs: number | null = null
}

/** Not a failure: there is nothing to do until the instant `until` (null: until something changes). */
export class Waiting extends Error {
  override readonly name = 'Waiting'
  readonly reason: Reason
  readonly until: number | null
  constructor(reason: Reason, message: string, until: number | null = null) {
    super(message)
    this.reason = reason
    this.until = until
  }
}

/** Only a new spec helps: no retry. */
export class Stalled extends Error {
  override readonly name = 'Stalled'
  readonly reason: Reason
  constructor(reason: Reason, message: string) {
    super(message)
    this.reason = reason
  }
}

/** This process cannot run as it was set up: the message says what to do, the program prints it and ends. Never a retry. */
export class Misconfigured extends Error {
  override readonly name = 'Misconfigured'
}

export interface Cause {
  /** FieldValueRequired, FieldValueInvalid …: the words a Kubernetes API server uses. */
  readonly reason: string
  readonly message: string
  readonly field: string
}

export type RefusedReason =
  | 'BadRequest'
  | 'Unauthorized'
  | 'Forbidden'
  | 'NotFound'
  | 'MethodNotAllowed'
  | 'NotAcceptable'
  | 'AlreadyExists'
  | 'Conflict'
  | 'Expired'
  | 'Invalid'
  | 'RequestEntityTooLarge'
  | 'UnsupportedMediaType'
  | 'TooManyRequests'
  | 'InternalError'
  | 'ServiceUnavailable'
  | 'Timeout'

const STATUS_CODES: Readonly<Record<RefusedReason, number>> = {
  BadRequest: 400,
  Unauthorized: 401,
  Forbidden: 403,
  NotFound: 404,
  MethodNotAllowed: 405,
  NotAcceptable: 406,
  AlreadyExists: 409,
  Conflict: 409,
  Expired: 410,
  Invalid: 422,
  RequestEntityTooLarge: 413,
  UnsupportedMediaType: 415,
  TooManyRequests: 429,
  InternalError: 500,
  ServiceUnavailable: 503,
  Timeout: 504,
}

export interface RefusedDetails {
  readonly kind?: string
  readonly group?: string
  readonly name?: string
  readonly causes?: readonly Cause[]
  readonly retryAfterSeconds?: number
}

/** A request that was understood and not done, in the words of the Kubernetes API (`metav1.Status`). */
export class Refused extends Error {
  override readonly name = 'Refused'
  readonly reason: RefusedReason
  readonly details: RefusedDetails
  constructor(reason: RefusedReason, message: string, details: RefusedDetails = {}) {
    super(message)
    this.reason = reason
    this.details = details
  }

  get code(): number {
    return STATUS_CODES[this.reason]
  }
}

export const isRefused = (error: unknown, ...reasons: readonly RefusedReason[]): error is Refused =>
  error instanceof Refused && (reasons.length === 0 || reasons.includes(error.reason))

/** The one place that turns whatever was thrown into a sentence. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** Closes a switch: a new member of the union does not compile until every switch knows it. */
export function never(value: never): never {
  throw new Error(`no case for ${JSON.stringify(value)}`)
}
