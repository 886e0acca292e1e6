import { problem } from '../provider/schema/rules.ts'
import { Wrong } from '../provider/session.ts'
import type { KubernetesCall, KubernetesConnection } from './cluster/kubernetes-connection.ts'
import type { Clock } from './kernel/clock.ts'
import { isRefused, messageOf, Transient } from './kernel/errors.ts'
import type { KubeObject } from './machines/pod-manifest.ts'
import { CLUSTER_AWAY, type PodEvent } from './machines/pod-progress.ts'
import { FIELD_MANAGER, type PodKind, type Pods } from './machines/pod.ts'

/** What machines that are pods ask of a cluster, said to its API server. Every request may be made twice: each is the same again. */
export interface PodsOptions {
  readonly connection: KubernetesConnection
  readonly clock: Clock
  /** To the log of the build. */
  readonly say: (line: string) => void
  /** How long a build waits for an API server that does not answer. */
  readonly awayMs?: number
}

const AWAY_MS = 60_000
const LOOK_AGAIN_MS = 1000

const PLURALS: Readonly<Record<PodKind, string>> = { Pod: 'pods', Secret: 'secrets', PersistentVolumeClaim: 'persistentvolumeclaims' }

const pathOf = (kind: PodKind, namespace: string, name?: string): string =>
  ['/api/v1/namespaces', namespace, PLURALS[kind], ...(name === undefined ? [] : [name])].join('/')

interface ListOf<T> {
  readonly items?: readonly T[]
}

interface EventSeen {
  readonly metadata: { readonly uid: string; readonly creationTimestamp: string }
  readonly type?: string
  readonly reason?: string
  readonly message?: string
}

export function openPods(options: PodsOptions): Pods {
  const ask = <T>(call: KubernetesCall): Promise<T> => asked<T>(options, call)
  return {
    apply: (object) =>
      ask<KubeObject>({
        method: 'PATCH',
        path: pathOf(object.kind, object.metadata.namespace, object.metadata.name),
        query: { fieldManager: FIELD_MANAGER, force: 'true', fieldValidation: 'Strict' },
        contentType: 'application/apply-patch+yaml',
        body: object,
      }),
    get: (kind, namespace, name) => orNull(ask<KubeObject>({ method: 'GET', path: pathOf(kind, namespace, name) })),
    async list(kind, namespace, labels) {
      const labelSelector = Object.entries(labels)
        .map((pair) => pair.join('='))
        .join(',')
      const { items = [] } = await ask<ListOf<Omit<KubeObject, 'kind' | 'apiVersion'>>>({
        method: 'GET',
        path: pathOf(kind, namespace),
        query: { labelSelector },
      })
      // In a list the kind is said once.
      return items.map((item) => Object.assign(item, { apiVersion: 'v1', kind }) as KubeObject)
    },
    async remove({ kind, metadata: { namespace, name, uid } }) {
      const preconditions = uid === undefined ? {} : { preconditions: { uid } }
      const body = { apiVersion: 'v1', kind: 'DeleteOptions', propagationPolicy: 'Background', ...preconditions }
      // Another one of its name is not this one, which is gone.
      await orNull(ask({ method: 'DELETE', path: pathOf(kind, namespace, name), body }), 'NotFound', 'Conflict')
    },
    async events(namespace, uid): Promise<readonly PodEvent[]> {
      const { items = [] } = await ask<ListOf<EventSeen>>({
        method: 'GET',
        path: `/api/v1/namespaces/${namespace}/events`,
        query: { fieldSelector: `involvedObject.uid=${uid}` },
      })
      return items
        .toSorted((a, b) => a.metadata.creationTimestamp.localeCompare(b.metadata.creationTimestamp))
        .map(({ metadata, type = '', reason = '', message = '' }) => ({ uid: metadata.uid, type, reason, message }))
    },
  }
}

class Said extends Wrong {
  readonly reason: string
  constructor(reason: string, message: string) {
    super(problem([], 'The cluster refused', message))
    this.reason = reason
  }
}

async function orNull<T>(asking: Promise<T>, ...reasons: readonly string[]): Promise<T | null> {
  try {
    return await asking
  } catch (error) {
    if (error instanceof Said && (reasons.length === 0 ? ['NotFound'] : reasons).includes(error.reason)) return null
    throw error
  }
}

/** An API server that restarts is back in seconds: a build waits for it, and says so. */
async function asked<T>({ connection, clock, say, awayMs = AWAY_MS }: PodsOptions, call: KubernetesCall): Promise<T> {
  const since = clock.elapsedMs()
  for (let told = false; ;) {
    try {
      return (await connection.request<T>(call)).body
    } catch (error) {
      if (isRefused(error)) throw new Said(error.reason, error.message)
      if (!(error instanceof Transient)) throw error
      if (clock.elapsedMs() - since > awayMs) throw new Wrong(problem([], CLUSTER_AWAY, `${messageOf(error)}.`))
      if (!told) say(`Waiting for the cluster: ${messageOf(error)}.`)
      told = true
    }
    await clock.sleep(LOOK_AGAIN_MS)
  }
}
