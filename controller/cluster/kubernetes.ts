import { hostname } from 'node:os'
import type { Kind } from '../../crds/kinds.ts'
import type { Clock } from '../kernel/clock.ts'
import { isRefused } from '../kernel/errors.ts'
import type { Log } from '../kernel/log.ts'
import { createMetrics, type Metrics } from '../kernel/metrics.ts'
import { kindNamed } from './asked.ts'
import type { KubernetesConnection } from './kubernetes-connection.ts'
import { createKubernetesEvents } from './kubernetes-events.ts'
import { createLag } from './kubernetes-lag.ts'
import { pageFrom, pathOf, selectorsOf, wholeFrom, type Where } from './kubernetes-objects.ts'
import { watchKind } from './kubernetes-watch.ts'
import { createWrites } from './kubernetes-writes.ts'
import type { Cluster, ListOptions, Page, Resource } from './port.ts'

/** Life in a cluster: the objects are the API server's, and so are their validation, their garbage and their versions. */

export interface Kubernetes {
  readonly cluster: Cluster
  /** Ends watches. The connection is its opener's to close. */
  close(): Promise<void>
}

export interface KubernetesPorts {
  readonly connection: Pick<KubernetesConnection, 'request' | 'lines'>
  readonly clock: Clock
  readonly log: Log
  readonly metrics?: Metrics
  /** How long one watch of the server's lasts at least: after that and half as much again, a peer that is gone is noticed. */
  readonly watchSeconds?: number
  /** A page of a list that is longer is `TooLarge`: whoever asked asks for a shorter one. */
  readonly pageBytesMax?: number
}

const WATCH_SECONDS = 40
const LIST_MS = 60_000
/** Ten times what one object may be, and little beside the memory of a replica that lists its kinds at once. */
const PAGE_BYTES_MAX = 16 * 1024 * 1024

export async function openKubernetes(given: KubernetesPorts): Promise<Kubernetes> {
  const { connection, clock, log, metrics = createMetrics(), watchSeconds = WATCH_SECONDS, pageBytesMax = PAGE_BYTES_MAX } = given
  const over = new AbortController()
  const lag = createLag(clock, metrics)

  const get = async (kind: Kind, where: Where): Promise<Resource | null> => {
    try {
      return wholeFrom(kind, (await connection.request({ method: 'GET', path: pathOf(kind, where) })).body)
    } catch (error) {
      // A kind that is not installed is not found either, but then no object is named.
      if (isRefused(error, 'NotFound') && error.details.name) return null
      throw error
    }
  }
  const list = async (kind: Kind, options: ListOptions): Promise<Page> => {
    metrics.count('bothy_kubernetes_lists_total', 'Pages of lists that were asked for.', { kind: kind.kind })
    const limit = options.limit === undefined ? undefined : String(options.limit)
    // Pages that follow are of the version that the first one was of.
    const exactly = options.at === undefined || options.continue ? {} : { resourceVersion: options.at, resourceVersionMatch: 'Exact' }
    const query = { ...selectorsOf(options), ...exactly, limit, continue: options.continue }
    // Only of what has pages a part can be asked for.
    const bounded = options.limit === undefined ? {} : { bytesMax: pageBytesMax }
    const asked = { method: 'GET', path: pathOf(kind, options), query, timeoutMs: LIST_MS, ...bounded }
    return pageFrom(kind, (await connection.request(asked)).body)
  }

  const watching = { connection, clock, log: log.with({ part: 'watch' }), metrics, list, seen: lag.seen, watchSeconds }
  const cluster: Cluster = {
    get: async (name, namespace, object) => get(kindNamed(name), { namespace, name: object }),
    list: async (name, options = {}) => list(kindNamed(name), options),
    ...createWrites({ connection, get, writing: lag.writing }),
    watch: (name, options, signal) => watchKind(watching, kindNamed(name), options, AbortSignal.any([signal, over.signal])),
    emit: createKubernetesEvents({ connection, clock, log, instance: hostname() }),
  }
  return {
    cluster,
    async close() {
      over.abort()
    },
  }
}
