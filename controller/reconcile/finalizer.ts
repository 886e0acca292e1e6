import type { Cluster, Resource } from '../cluster/port.ts'
import { isRefused } from '../kernel/errors.ts'
import { WRITER } from './ports.ts'

/** Both name the version they change: a list is replaced whole, and must not lose what another added meanwhile. */

export async function withFinalizer(cluster: Cluster, object: Resource, finalizer: string): Promise<Resource> {
  const finalizers = object.metadata.finalizers ?? []
  return finalizers.includes(finalizer) ? object : patched(cluster, object, [...finalizers, finalizer])
}

/** Answers the object as it was when it is gone already. */
export async function withoutFinalizer(cluster: Cluster, object: Resource, finalizer: string): Promise<Resource> {
  const finalizers = (object.metadata.finalizers ?? []).filter((name) => name !== finalizer)
  try {
    return await patched(cluster, object, finalizers)
  } catch (error) {
    if (!isRefused(error, 'NotFound')) throw error
    return { ...object, metadata: { ...object.metadata, finalizers } }
  }
}

const patched = (cluster: Cluster, { kind, metadata }: Resource, finalizers: readonly string[]): Promise<Resource> =>
  cluster.patch(
    kind,
    metadata.namespace ?? '',
    metadata.name,
    { metadata: { resourceVersion: metadata.resourceVersion, finalizers } },
    WRITER,
  )
