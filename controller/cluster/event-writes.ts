import { lastSeen } from '../../crds/event-kind.ts'
import type { Kind } from '../../crds/kinds.ts'
import { isJsonObject } from '../../crds/schema/types.ts'
import { fromIso, toIso } from '../kernel/clock.ts'
import { Refused } from '../kernel/errors.ts'
import { newUid, randomSuffix } from '../kernel/names.ts'
import { keepEvent, readEvent } from '../store/events.ts'
import { readObject } from '../store/objects.ts'
import { admitted } from './admission.ts'
import { bornMeta } from './generation.ts'
import { keyOfRef } from './happenings.ts'
import type { Draft, Resource, WriteOptions } from './port.ts'
import { alreadyExists, notFound } from './refusals.ts'
import { decode } from './stored.ts'
import { missingNamespace, type WritePorts } from './writes.ts'

/** An Event that somebody else writes: it is kept as it is, beside those of the controller, and never changed. */
export async function createEvent(ports: WritePorts, kind: Kind, draft: Draft, options: WriteOptions): Promise<Resource> {
  const { generateName } = draft.metadata
  const name = draft.metadata.name || (generateName ? `${generateName}${randomSuffix()}` : undefined)
  const namespace = draft.metadata.namespace || 'default'
  const { metadata, ...said } = admitted(kind, { ...draft, metadata: { ...draft.metadata, namespace, name } }, null, options)
  const birth = { name: metadata.name ?? '', namespace, uid: newUid(), creationTimestamp: toIso(ports.clock.now()) }
  const { generation: _generation, ...meta } = bornMeta(metadata, birth)
  const body = JSON.stringify({ ...said, apiVersion: kind.apiVersion, kind: kind.kind, metadata: { ...meta, resourceVersion: undefined } })
  if (!(await readObject(ports.db, { kind: 'Namespace', namespace: '', name: namespace }))) throw missingNamespace(namespace)
  if (await readEvent(ports.db, namespace, birth.name)) throw alreadyExists(kind, birth.name)
  if (options.dryRun) return decode(body, 0)
  // Somebody else may have been faster since.
  if (!(await keepEvent(ports.db, { ...rowOf(said), uid: birth.uid, namespace, name: birth.name, body }, null)))
    throw alreadyExists(kind, birth.name)
  const kept = await readEvent(ports.db, namespace, birth.name)
  if (!kept) throw notFound(kind, birth.name)
  return decode(kept.body, kept.version)
}

const text = (value: unknown) => (typeof value === 'string' ? value : '')

function rowOf(said: Readonly<Record<string, unknown>>) {
  const regarding = isJsonObject(said['regarding']) ? said['regarding'] : {}
  const reference = {
    kind: text(regarding['kind']),
    namespace: text(regarding['namespace']),
    name: text(regarding['name']),
    uid: text(regarding['uid']),
  }
  const lastAt = fromIso(lastSeen(said))
  if (lastAt === null) throw new Refused('BadRequest', 'an Event needs an eventTime')
  const count = said['deprecatedCount']
  return {
    regarding: keyOfRef(reference),
    type: text(said['type']),
    reason: text(said['reason']),
    note: text(said['note']),
    count: typeof count === 'number' ? count : 1,
    lastAt,
  }
}
