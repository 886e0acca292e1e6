import type { WatchOptions } from '../cluster/port.ts'
import { Refused } from '../kernel/errors.ts'
import { failure, refusedBy } from './answer.ts'
import { linesFor } from './change-lines.ts'
import type { Call, Target } from './ports.ts'
import type { Watches } from './watches.ts'
import { Stalled, write } from './writing.ts'

/** Changes as one JSON object a line, for as long as the client reads them. */

const DEFAULT_SECONDS = 3600
const SECONDS_MAX = 24 * 3600

export async function streamWatch(call: Call, { kind }: Target, options: WatchOptions, watches: Watches): Promise<void> {
  const { ports, response } = call
  const seconds = secondsOf(call.query)
  const lineOf = linesFor(call, kind)
  const ended = new AbortController()
  const end = () => ended.abort()
  // Wrong selectors are refused here, before anything is answered.
  const changes = ports.cluster.watch(kind.kind, options, ended.signal)
  const leave = watches.enter(call.caller)
  call.signal.addEventListener('abort', end, { once: true })
  if (call.signal.aborted) end()
  const cancel = ports.clock.after(seconds * 1000, end)
  response.writeHead(200, { 'content-type': 'application/json' })
  response.flushHeaders()
  try {
    for await (const change of changes) await write(response, ports.clock, lineOf(change))
    response.end()
  } catch (error) {
    sendError(call, kind.kind, error)
  } finally {
    leave()
    cancel()
    call.signal.removeEventListener('abort', end)
    end()
  }
}

/** The answer has begun, so what is wrong goes into the stream, as the API server does it. */
function sendError({ response, log }: Call, kind: string, error: unknown): void {
  if (error instanceof Stalled) {
    log.warn('a watcher was dropped: it did not read', { kind })
    response.destroy()
    return
  }
  if (!(error instanceof Refused)) log.warn('a watch ended early', { kind, error })
  const object = failure(refusedBy(error, String(response.getHeader('x-request-id'))))
  response.end(`${JSON.stringify({ type: 'ERROR', object })}\n`)
}

const secondsOf = (query: URLSearchParams): number =>
  Math.min(Math.max(Number(query.get('timeoutSeconds')), 0) || DEFAULT_SECONDS, SECONDS_MAX)
