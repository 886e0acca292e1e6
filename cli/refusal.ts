import type { Refused } from '../controller/kernel/errors.ts'
import { EXIT, Failure, type ExitCode, type FailureCause } from './failure.ts'
import { field, isRecord, listOf, textOf } from './json.ts'

/** What an API server refused, as a failure with the exit code of the contract. */

const CODES: Readonly<Record<number, ExitCode>> = {
  400: EXIT.refused,
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

interface Server {
  readonly url: string
  readonly from: string
}

export function failureOfAnswer(status: number, body: string, server: Server): Failure {
  const answer = parsedOrNull(body)
  const message = textOf(field(answer, 'message')) ?? `the server answered ${status}`
  const reason = textOf(field(answer, 'reason')) ?? undefined
  const causes = listOf(field(answer, 'details', 'causes')).flatMap(causeOf)
  const where = `${server.url} (${server.from})`
  const fix = fixFor(status)
  return new Failure(
    CODES[status] ?? EXIT.didNotBecomeSo,
    { what: message, where, ...(fix ? { fix } : {}) },
    { ...(reason ? { reason } : {}), causes },
  )
}

/** What this machine's own processes refuse before any server is there: a wrong setting, a state folder that is held. */
export const failureOfRefused = ({ reason, code, message, details }: Refused): Failure =>
  new Failure(
    reason === 'BadRequest' ? EXIT.usage : (CODES[code] ?? EXIT.didNotBecomeSo),
    { what: message },
    { reason, causes: details.causes ?? [] },
  )

function parsedOrNull(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text)
    return isRecord(value) ? value : null
  } catch {
    return null
  }
}

const causeOf = (value: unknown): FailureCause[] =>
  isRecord(value)
    ? [{ reason: textOf(value['reason']) ?? '', message: textOf(value['message']) ?? '', field: textOf(value['field']) ?? '' }]
    : []

function fixFor(status: number): string | null {
  switch (status) {
    case 401:
      return 'give the token of this control plane: --token or BOTHY_TOKEN; a standalone keeps it in the file token of its state folder'
    case 409:
      return 'look at it again with bothy get, and repeat'
    case 429:
    case 503:
      return 'try again in a moment; bothy doctor says what is not ready'
    case 500:
      return 'the log of the control plane says more'
    default:
      return null
  }
}
