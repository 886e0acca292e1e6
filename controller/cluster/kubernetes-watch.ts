import type { Kind } from '../../crds/kinds.ts'
import { isJsonObject } from '../../crds/schema/types.ts'
import { exponentialMs, jittered } from '../kernel/backoff.ts'
import type { Clock } from '../kernel/clock.ts'
import { isRefused, messageOf, Refused, Transient } from '../kernel/errors.ts'
import type { Log } from '../kernel/log.ts'
import type { Metrics } from '../kernel/metrics.ts'
import { Busy, problemOf } from './kubernetes-answers.ts'
import type { KubernetesConnection } from './kubernetes-connection.ts'
import { objectFrom, pathOf, selectorsOf } from './kubernetes-objects.ts'
import { pagesOf } from './pages.ts'
import type { Change, ListOptions, Page, WatchOptions } from './port.ts'

/**
 *   [list, told as ADDED] ──► watch from the last version ──ended, cut off, silent──► again from there, after a while
 *                                     │
 *                                     └──410, or the server is further back──► Refused('Expired'): whoever watches lists again
 *
 * One watch of ours is many of the server's, each ended by it after most of a minute. Before it does, it tells in a bookmark
 * how far it is, so quiet kinds go on from a version that is young; and a watch that has not ended by then has nobody at its
 * other end, whatever the sockets in between believe. A slow trickle cannot hide that either. One that told nothing at all, no
 * bookmark either, is of a server on which an older state was brought back: it waits for our version to come, in another history.
 */

export interface WatchPorts {
  readonly connection: Pick<KubernetesConnection, 'lines'>
  readonly clock: Clock
  readonly log: Log
  readonly metrics: Metrics
  readonly list: (kind: Kind, options: ListOptions) => Promise<Page>
  /** Told of each version that a watch has come to. */
  readonly seen: (kind: Kind, version: number) => void
  /** How long one watch of the server lasts at least; at most half as long again. */
  readonly watchSeconds: number
}

const GRACE_SECONDS = 5
const BACKOFF_FIRST_MS = 200
const BACKOFF_MOST_MS = 10_000
/** A watch that ends sooner, having told nothing, has failed. */
const SHORT_MS = 1_000

export async function* watchKind(ports: WatchPorts, kind: Kind, options: WatchOptions, signal: AbortSignal): AsyncGenerator<Change> {
  let from = startOf(options)
  if (from === null) {
    const present: Present = { version: '' }
    yield* presentState(ports, kind, options, present)
    from = present.version
  }
  let failures = 0
  while (!signal.aborted) {
    const startedAt = ports.clock.elapsedMs()
    let told = false
    let retryAfterMs = 0
    let why = 'ended'
    try {
      for await (const change of onceFrom(ports, kind, options, from, signal)) {
        from = versionOf(change)
        told = true
        failures = 0
        ports.seen(kind, Number(from))
        if (change.type !== 'BOOKMARK' || options.bookmarks) yield change
      }
      if (!told && !signal.aborted) await refuseGoneBack(ports, kind, options, from)
    } catch (error) {
      if (!(error instanceof Transient)) throw expiredOr(ports, kind, error)
      why = 'failed'
      if (error instanceof Busy) retryAfterMs = error.retryAfterMs ?? 0
      ports.log.debug('a watch was cut off', { kind: kind.kind, error: messageOf(error) })
    }
    if (signal.aborted) return
    ports.metrics.count('bothy_kubernetes_watch_restarts_total', 'Watches taken up again, by why the last one ended.', {
      kind: kind.kind,
      why,
    })
    if (why === 'ended' && (told || ports.clock.elapsedMs() - startedAt > SHORT_MS)) continue
    failures += 1
    const waitMs = Math.max(retryAfterMs, exponentialMs(failures, BACKOFF_FIRST_MS, BACKOFF_MOST_MS))
    await ports.clock.sleep(retryAfterMs > 0 ? waitMs * (1 + Math.random() / 2) : jittered(waitMs, Math.random()), signal)
  }
}

/** null: with the present state. 0 means that any state will do, and the present one is any. */
function startOf({ from, initialEvents }: WatchOptions): string | null {
  // The server answers 500, which reads as if it were ill.
  if (from !== undefined && !/^\d+$/.test(from)) throw new Refused('BadRequest', `resourceVersion ${JSON.stringify(from)} is not a version`)
  return from === undefined || from === '0' || initialEvents === true ? null : from
}

interface Present {
  version: string
}

async function* presentState({ list }: WatchPorts, kind: Kind, options: WatchOptions, present: Present): AsyncGenerator<Change> {
  const { from: _from, bookmarks, initialEvents, ...asked } = options
  for await (const page of pagesOf(kind.kind, (part) => list(kind, { ...asked, ...part }))) {
    present.version ||= page.resourceVersion
    if (initialEvents === false) return
    for (const object of page.items) yield { type: 'ADDED', object }
  }
  if (initialEvents && bookmarks) yield { type: 'BOOKMARK', kind: kind.kind, resourceVersion: present.version, endsInitialEvents: true }
}

/** One watch of the server's. What it repeats is left out: it tells versions in their order. */
async function* onceFrom(ports: WatchPorts, kind: Kind, options: WatchOptions, from: string, signal: AbortSignal): AsyncGenerator<Change> {
  const seconds = Math.ceil(ports.watchSeconds * (1 + Math.random() / 2))
  const query = {
    watch: '1',
    resourceVersion: from,
    allowWatchBookmarks: 'true',
    timeoutSeconds: String(seconds),
    ...selectorsOf(options),
  }
  ports.metrics.count('bothy_kubernetes_watches_total', 'Watches begun.', { kind: kind.kind })
  const path = pathOf(kind, options)
  const lines = ports.connection.lines({ method: 'GET', path, query, signal, timeoutMs: (seconds + GRACE_SECONDS) * 1000 })
  let last = Number(from)
  for await (const line of lines) {
    const change = changeFrom(kind, line)
    const version = Number(versionOf(change))
    if (change.type === 'BOOKMARK' && version < Number(from)) throw goneBack(kind, from, change.resourceVersion)
    if (version < last || (version === last && change.type !== 'BOOKMARK')) continue
    last = version
    yield change
  }
}

/** Asked of a server that has told nothing. */
async function refuseGoneBack({ list }: WatchPorts, kind: Kind, options: WatchOptions, from: string): Promise<void> {
  const { from: _from, bookmarks: _bookmarks, initialEvents: _initialEvents, ...asked } = options
  const { resourceVersion } = await list(kind, { ...asked, limit: 1 })
  if (Number(resourceVersion) < Number(from)) throw goneBack(kind, from, resourceVersion)
}

const goneBack = ({ kind }: Kind, from: string, now: string): Refused =>
  new Refused('Expired', `${kind}: the server has told of version ${from}, and is at ${now}: an older state was brought back`)

const versionOf = (change: Change): string => (change.type === 'BOOKMARK' ? change.resourceVersion : change.object.metadata.resourceVersion)

function changeFrom(kind: Kind, line: string): Change {
  const event = parsed(line)
  const { type, object } = isJsonObject(event) ? event : { type: undefined, object: undefined }
  switch (type) {
    case 'ADDED':
    case 'MODIFIED':
    case 'DELETED':
      return { type, object: objectFrom(kind, object) }
    case 'BOOKMARK':
      return { type, kind: kind.kind, resourceVersion: bookmarkOf(object) }
    case 'ERROR':
      throw problemOf(isJsonObject(object) ? Number(object['code'] ?? 500) : 500, object)
    default:
      throw new Transient(`the API server told of a change that is none: ${line.slice(0, 200)}`)
  }
}

function bookmarkOf(object: unknown): string {
  const metadata = isJsonObject(object) ? object['metadata'] : null
  const version = isJsonObject(metadata) ? metadata['resourceVersion'] : null
  if (typeof version !== 'string' || version === '') throw new Transient('the API server sent a bookmark without a version')
  return version
}

function parsed(line: string): unknown {
  try {
    const value: unknown = JSON.parse(line)
    return value
  } catch {
    // The end of a line that was cut off by somebody who closed the connection as if it were whole.
    throw new Transient('the API server was cut off in the middle of a change')
  }
}

function expiredOr({ metrics }: WatchPorts, kind: Kind, error: unknown): Refused | unknown {
  if (isRefused(error, 'Expired'))
    metrics.count('bothy_kubernetes_watches_expired_total', 'Watches from a version that the server no longer has.', { kind: kind.kind })
  return error
}
