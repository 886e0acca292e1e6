import { randomUUID } from 'node:crypto'
import type { KubeObject } from '../../controller/machines/pod-manifest.ts'
import type { PodEvent } from '../../controller/machines/pod-progress.ts'
import type { Pods } from '../../controller/machines/pod.ts'

/**
 * A cluster in a map, for the logic of pod machines only: what they ask for and in which order. It says nothing about what a real
 * API server makes of it; real pods belong to the tests against a real cluster.
 */
export interface PodsInMemory extends Pods {
  readonly objects: Map<string, KubeObject>
  readonly done: string[]
  /** What becomes of a pod when it is asked for; it runs unless a test says otherwise. */
  status: (pod: KubeObject) => Readonly<Record<string, unknown>>
  says: PodEvent[]
}

export const RUNNING = {
  phase: 'Running',
  conditions: [{ type: 'PodScheduled', status: 'True' }],
  containerStatuses: [{ name: 'main', state: { running: {} } }],
}

const keyOf = (kind: string, namespace: string, name: string) => `${kind} ${namespace}/${name}`

export function podsInMemory(): PodsInMemory {
  const objects = new Map<string, KubeObject>()
  const done: string[] = []
  const pods: PodsInMemory = {
    objects,
    done,
    status: () => RUNNING,
    says: [],
    async apply(object) {
      const key = keyOf(object.kind, object.metadata.namespace, object.metadata.name)
      done.push(`apply ${key}`)
      const applied = { ...object, metadata: { ...object.metadata, uid: objects.get(key)?.metadata.uid ?? randomUUID() } }
      objects.set(key, applied)
      return applied
    },
    async get(kind, namespace, name) {
      const found = objects.get(keyOf(kind, namespace, name)) ?? null
      return found && kind === 'Pod'
        ? { ...found, spec: { nodeName: 'node-1', ...found.spec }, status: found.status ?? pods.status(found) }
        : found
    },
    list: async (kind, namespace, labels) =>
      [...objects.values()].filter(
        (each) =>
          each.kind === kind &&
          each.metadata.namespace === namespace &&
          Object.entries(labels).every(([key, value]) => each.metadata.labels?.[key] === value),
      ),
    async remove({ kind, metadata }) {
      const key = keyOf(kind, metadata.namespace, metadata.name)
      done.push(`remove ${key}`)
      objects.delete(key)
    },
    events: async () => pods.says,
  }
  return pods
}
