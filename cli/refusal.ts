import { messageOf, Misconfigured, Refused, Transient } from '../controller/kernel/errors.ts'
import { kindOf } from '../crds/kinds.ts'
import { causesOf } from './causes.ts'
import { EXIT, Failure, type ExitCode, type FailureCause } from './failure.ts'
import { field, isRecord, textOf } from './json.ts'

/** What was refused, here or by an API server, as a failure with the exit code of the contract. */

const CODES: Readonly<Record<number, ExitCode>> = {
  400: EXIT.usage,
  401: EXIT.refused,
  403: EXIT.refused,
  404: EXIT.notFound,
  409: EXIT.refused,
  410: EXIT.didNotBecomeSo,
  413: EXIT.refused,
  422: EXIT.refused,
  429: EXIT.unreachable,
  502: EXIT.unreachable,
  503: EXIT.unreachable,
  504: EXIT.unreachable,
}

interface Asked {
  readonly url: string
  readonly from: string
  /** An object was sent along: what is wrong is wrong with that, and not with how the command was used. */
  readonly sent?: boolean
}

export function failureOfAnswer(status: number, body: string, asked: Asked): Failure {
  const answer = parsedOrNull(body)
  const reason = textOf(field(answer, 'reason')) ?? undefined
  const causes = causesOf(answer)
  const where = `${asked.url} (${asked.from})`
  // A control plane says what it does not find; a page that is not there is somebody else's.
  if (status === 404 && answer === null)
    return new Failure(EXIT.unreachable, { what: 'what answers is no control plane: it says 404', where, fix: 'see that the url is right' })
  const fix = fixFor(status, reason) ?? (status === 404 ? listing(answer) : null)
  return new Failure(
    asked.sent && status === 400 ? EXIT.refused : (CODES[status] ?? EXIT.didNotBecomeSo),
    { what: whatOf(answer, status, causes), where, ...(fix ? { fix } : {}) },
    { ...(reason ? { reason } : {}), causes },
  )
}

/** `spec.power: …`; not every cause has a field. */
export const causeText = ({ field: path, message }: FailureCause): string => [path, message].filter(Boolean).join(': ')

function whatOf(answer: unknown, status: number, causes: readonly FailureCause[]): string {
  if (causes.length > 0) return causes.map(causeText).join('; ')
  const [kind, name] = [textOf(field(answer, 'details', 'kind')), textOf(field(answer, 'details', 'name'))]
  if (status === 404 && kind && name) return `there is no ${kindOf(kind)?.singular ?? kind}/${name}`
  return textOf(field(answer, 'message')) ?? `the server answered ${status}`
}

/** Whatever a command threw. What this machine's own processes say of their set-up is no bug of ours either. */
export function failureOf(error: unknown): Failure {
  if (error instanceof Failure) return error
  if (error instanceof Misconfigured) return new Failure(EXIT.usage, { what: error.message })
  if (error instanceof Transient) {
    const fix = 'see that it runs and can be reached, and try again in a moment'
    return new Failure(EXIT.didNotBecomeSo, { what: error.message, fix })
  }
  if (error instanceof Refused) {
    const { reason, code, message, details } = error
    return new Failure(CODES[code] ?? EXIT.didNotBecomeSo, { what: message }, { reason, causes: details.causes ?? [] })
  }
  const fix = 'this is a bug of ours: the same command with BOTHY_DEBUG=1 shows where it happened'
  return new Failure(EXIT.didNotBecomeSo, { what: messageOf(error), fix })
}

function parsedOrNull(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text)
    return isRecord(value) ? value : null
  } catch {
    return null
  }
}

function listing(answer: unknown): string | null {
  const kind = kindOf(textOf(field(answer, 'details', 'kind')) ?? '')
  return kind ? `the command get ${kind.plural}${kind.namespaced ? ' -A' : ''} lists what there is` : null
}

function fixFor(status: number, reason: string | undefined): string | null {
  switch (status) {
    case 401:
      return 'give the token of this control plane, one that is neither over nor revoked: --token or BOTHY_TOKEN; a standalone keeps it in the file token of its state folder'
    case 409:
      return reason === 'AlreadyExists' ? null : 'look at it again, and repeat'
    case 429:
    case 503:
      return 'try again in a moment; the command doctor says what is not ready'
    case 500:
      return 'the log of the control plane says more'
    default:
      return null
  }
}
