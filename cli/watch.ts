import type { Kind } from '../crds/kinds.ts'
import type { Clock } from '../controller/kernel/clock.ts'
import type { Client } from './client.ts'
import { EXIT, Failure } from './failure.ts'
import { field, isRecord, textOf } from './json.ts'
import { listObjects, objectOf, pathOf, type ApiObject, type Selection } from './objects.ts'

export type Seen =
  /** Everything there is; again after the server has forgotten where we were. */
  | { readonly type: 'LISTED'; readonly items: readonly ApiObject[] }
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly object: ApiObject }

const AGAIN_MS = 500

/**
 * The objects as they are, then every change, until `signal` aborts. A control plane that restarts meanwhile is waited for:
 * only the first list fails.
 */
export async function* watchObjects(
  client: Client,
  clock: Clock,
  kind: Kind,
  namespace: string | null,
  selection: Selection,
  signal: AbortSignal,
): AsyncIterable<Seen> {
  let from: string | null = null
  let first = true
  while (!signal.aborted) {
    try {
      if (from === null) {
        const listed = await listObjects(client, kind, namespace, selection, signal)
        from = listed.resourceVersion
        yield { type: 'LISTED', items: listed.items }
        first = false
      }
      let isTold = false
      for await (const change of changesFrom(client, kind, namespace, selection, from, signal)) {
        if (change === 'EXPIRED') {
          from = null
          break
        }
        from = change.resourceVersion ?? from
        if (!change.seen) continue
        isTold = true
        yield change.seen
      }
      // Whoever ends watches as soon as they begin would otherwise be asked as fast as it answers.
      if (!isTold) await clock.sleep(AGAIN_MS, signal)
    } catch (error) {
      if (signal.aborted) return
      if (first || (error instanceof Failure && (error.code === EXIT.refused || error.code === EXIT.notFound))) throw error
      if (error instanceof Failure && error.code === EXIT.didNotBecomeSo) from = null
      await clock.sleep(AGAIN_MS, signal)
    }
  }
}

interface Change {
  readonly resourceVersion: string | null
  readonly seen: Seen | null
}

async function* changesFrom(
  client: Client,
  kind: Kind,
  namespace: string | null,
  selection: Selection,
  from: string,
  signal: AbortSignal,
): AsyncIterable<Change | 'EXPIRED'> {
  const query = { ...selection, watch: 'true', allowWatchBookmarks: 'true', resourceVersion: from }
  for await (const line of client.lines(pathOf(kind, namespace), { query, signal })) {
    const type = textOf(field(line, 'type'))
    const object = field(line, 'object')
    if (type === 'ERROR') {
      yield 'EXPIRED'
      return
    }
    const resourceVersion = textOf(field(object, 'metadata', 'resourceVersion'))
    if (type === 'ADDED' || type === 'MODIFIED' || type === 'DELETED') yield { resourceVersion, seen: { type, object: objectOf(object) } }
    else if (isRecord(object)) yield { resourceVersion, seen: null }
  }
}

/** One object by name: itself, or null while it is not there. Each time it changes. */
export async function* watchOne(
  client: Client,
  clock: Clock,
  kind: Kind,
  namespace: string,
  name: string,
  signal: AbortSignal,
): AsyncIterable<ApiObject | null> {
  const selection = { fieldSelector: `metadata.name=${name}` }
  for await (const seen of watchObjects(client, clock, kind, namespace, selection, signal)) {
    if (seen.type === 'LISTED') yield seen.items[0] ?? null
    else yield seen.type === 'DELETED' ? null : seen.object
  }
}
