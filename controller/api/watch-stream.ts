import type { Kind } from '../../crds/kinds.ts'
import type { Change, WatchOptions } from '../cluster/port.ts'
import { Refused } from '../kernel/errors.ts'
import { failure, refusedBy } from './answer.ts'
import { formAsked } from './accept.ts'
import { objectAs } from './objects.ts'
import type { Call, Target } from './ports.ts'
import { columnDefinitions, includedIn, TABLE } from './table.ts'
import { Stalled, write } from './writing.ts'

/** Changes as one JSON object a line, for as long as the client reads them. */

const WATCHES_MAX = 512
const DEFAULT_SECONDS = 3600
const SECONDS_MAX = 24 * 3600
/** Whoever asked for the present state first learns by this that they have it all. */
const OVER = { 'k8s.io/initial-events-end': 'true' }

export async function streamWatch(call: Call, { kind }: Target, options: WatchOptions, open: Set<object>): Promise<void> {
  const { ports, response } = call
  if (open.size >= WATCHES_MAX) throw new Refused('TooManyRequests', `${WATCHES_MAX} watches are open already`, { retryAfterSeconds: 10 })
  const seconds = secondsOf(call.query)
  const lineOf = linesFor(call, kind)
  const ended = new AbortController()
  const end = () => ended.abort()
  // Wrong selectors are refused here, before anything is answered.
  const changes = ports.cluster.watch(kind.kind, options, ended.signal)
  call.signal.addEventListener('abort', end, { once: true })
  if (call.signal.aborted) end()
  const cancel = ports.clock.after(seconds * 1000, end)
  open.add(call)
  response.writeHead(200, { 'content-type': 'application/json' })
  response.flushHeaders()
  try {
    for await (const change of changes) await write(response, ports.clock, `${JSON.stringify(lineOf(change))}\n`)
    response.end()
  } catch (error) {
    sendError(call, kind.kind, error)
  } finally {
    open.delete(call)
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

/** Columns are told once: whoever shows a table keeps its head. */
function linesFor(call: Call, kind: Kind): (change: Change) => unknown {
  const as = objectAs(call, kind)
  const isTable = formAsked(call.request) === 'Table'
  let columns = isTable ? columnDefinitions(kind) : null
  if (isTable) includedIn(call.query)
  return (change) => {
    const { type } = change
    if (type !== 'BOOKMARK') return { type, object: columned(as(change.object)) }
    const metadata = { resourceVersion: change.resourceVersion, ...(change.endsInitialEvents ? { annotations: OVER } : {}) }
    const object = { kind: kind.kind, apiVersion: kind.apiVersion, metadata }
    return { type, object: isTable ? columned({ ...TABLE, metadata, rows: [] }) : object }
  }

  function columned(object: object): object {
    if (!isTable) return object
    const columnDefinitions = columns
    columns = null
    return { ...object, columnDefinitions }
  }
}

const secondsOf = (query: URLSearchParams): number =>
  Math.min(Math.max(Number(query.get('timeoutSeconds')), 0) || DEFAULT_SECONDS, SECONDS_MAX)
