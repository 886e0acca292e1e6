import type { Kind } from '../../crds/kinds.ts'
import { refusedInvalid, required } from '../../crds/schema/causes.ts'
import type { Clock } from '../kernel/clock.ts'
import { isRefused, Refused } from '../kernel/errors.ts'
import type { Log } from '../kernel/log.ts'
import { createMetrics, type Metrics } from '../kernel/metrics.ts'
import { readEvent } from '../store/events.ts'
import { readObject, type Place } from '../store/objects.ts'
import type { Db } from '../store/pool.ts'
import type { Sealer } from '../store/sealed.ts'
import { applierOf, appliedMeta, nextApplied } from './applied.ts'
import { drafted, kindNamed, writableKind } from './asked.ts'
import { refuseSecondDeclarer, withMarksOf } from './declared.ts'
import { draftFrom } from './draft.ts'
import { createEvent } from './event-writes.ts'
import { createEvents } from './events.ts'
import { createFeed } from './feed.ts'
import { createGarbage } from './garbage.ts'
import { refuseStaleReplace } from './generation.ts'
import { listKind } from './list.ts'
import { patched } from './patched.ts'
import type { Cluster, Draft, Resource, WriteOptions, Writer } from './port.ts'
import { conflict, MODIFIED } from './refusals.ts'
import { remove } from './remove.ts'
import { SYSTEM, sweep } from './sweep.ts'
import { createVault } from './secrets.ts'
import { decode } from './stored.ts'
import { watchKind } from './watch.ts'
import { create, homeOf, rewrite, type Proposal, type WritePorts } from './writes.ts'

/** Life without a cluster: the objects are rows of Postgres, validated by the same definitions a cluster has. */

export interface Standalone {
  readonly cluster: Cluster
  /** Ends watches and background work. The database is its opener's to close. */
  close(): Promise<void>
}

interface Ports {
  readonly db: Db
  readonly clock: Clock
  readonly log: Log
  readonly metrics?: Metrics
  /** Absent: there can be no Secrets. */
  readonly sealer?: Sealer
}

const EVENT = kindNamed('Event')

export async function openStandalone({ db, clock, log, metrics = createMetrics(), sealer }: Ports): Promise<Standalone> {
  const feed = createFeed({ db, clock, log, metrics })
  const ports: WritePorts = { db, clock, vault: createVault(sealer ?? null), looseEnds: () => garbage.look() }
  // It begins at once: what it works with is there before it.
  const garbage = createGarbage({ clock, log, sweep: (signal) => sweep({ ...ports, log }, signal) })
  await ensureNamespace(ports, 'default')
  return {
    cluster: {
      ...reads(ports),
      ...writes(ports),
      watch: (name, options, signal) =>
        watchKind({ feed, clock, list: (kind, asked) => listKind(db, kind, asked) }, kindNamed(name), options, signal),
      emit: createEvents({ db, clock, log }),
    },
    async close() {
      await Promise.all([garbage.close(), feed.close()])
    },
  }
}

function reads({ db, vault }: WritePorts): Pick<Cluster, 'get' | 'list'> {
  return {
    async get(name, namespace, object) {
      const kind = kindNamed(name)
      if (kind.kind === 'Event') {
        const event = await readEvent(db, namespace, object)
        return event && decode(event.body, event.version)
      }
      const stored = await readObject(db, placeFor(kind, namespace, object))
      return stored && vault.opened(decode(stored.body, stored.version), stored.sealed)
    },
    list: async (name, options = {}) => listKind(db, kindNamed(name), options),
  }
}

function writes(ports: WritePorts): Pick<Cluster, 'create' | 'replace' | 'apply' | 'patch' | 'patchStatus' | 'delete'> {
  return {
    create: async (given, writer, options = {}) => {
      if (given.kind === EVENT.kind && given.apiVersion === EVENT.apiVersion) return createEvent(ports, EVENT, draftFrom(given), options)
      const { kind, draft } = drafted(given)
      return create(ports, kind, draft, writer, options)
    },
    replace: async (given, writer, options = {}) => {
      const { kind, draft } = drafted(given)
      return replace(ports, kind, draft, writer, options)
    },
    apply: async (given, writer, options = {}) => {
      const { kind, draft } = drafted(given)
      return apply(ports, kind, draft, writer, options)
    },
    patch: async (name, namespace, object, patch, writer, options = {}) => {
      const kind = writableKind(name)
      return rewrite(ports, kind, placeFor(kind, namespace, object), {
        writer,
        options,
        subresource: null,
        patch: true,
        propose: (old) => {
          refuseSecondDeclarer(kind, old, writer)
          return patched(kind, old, patch)
        },
      })
    },
    patchStatus: async (name, namespace, object, patch, writer, options = {}) => {
      const kind = writableKind(name)
      if (!kind.hasStatus) throw new Refused('NotFound', `${kind.plural} have no status of their own to write`)
      return rewrite(ports, kind, placeFor(kind, namespace, object), {
        writer,
        options,
        subresource: 'status',
        patch: true,
        propose: (old) => patched(kind, old, patch),
      })
    },
    delete: async (name, namespace, object, writer, options = {}) => {
      const kind = writableKind(name)
      return remove(ports, kind, placeFor(kind, namespace, object), writer, options)
    },
  }
}

const placeFor = (kind: Kind, namespace: string, name: string): Place => ({
  kind: kind.kind,
  namespace: kind.namespaced ? namespace : '',
  name,
})

async function replace(ports: WritePorts, kind: Kind, draft: Draft, writer: Writer, options: WriteOptions): Promise<Resource> {
  const name = draft.metadata.name ?? ''
  const { metadata, spec, status, rest } = partsOf(draft)
  return rewrite(ports, kind, placeFor(kind, homeOf(kind, draft), name), {
    writer,
    options,
    subresource: null,
    patch: false,
    propose: (old) => {
      refuseStaleReplace(kind, old, draft.metadata)
      refuseSecondDeclarer(kind, old, writer)
      const pinned = Boolean(draft.metadata.resourceVersion)
      return { metadata: withMarksOf(old, metadata, writer), spec, rest, status, pinned }
    },
  })
}

/** What is beside metadata, spec and status goes with them to be pruned, warned of or refused. */
function partsOf(draft: Draft): Pick<Proposal, 'metadata' | 'spec' | 'status' | 'rest'> {
  const { apiVersion: _apiVersion, kind: _kind, metadata, spec, status, ...rest } = { spec: undefined, status: undefined, ...draft }
  return { metadata, spec, status, rest }
}

async function apply(ports: WritePorts, kind: Kind, draft: Draft, writer: Writer, options: WriteOptions): Promise<Resource> {
  const place = placeFor(kind, homeOf(kind, draft), draft.metadata.name ?? '')
  const applier = applierOf(writer)
  if (place.name === '') throw refusedInvalid(kind, 'Unknown', [required('metadata.name', 'name is required')])
  const { metadata, spec, rest } = partsOf(draft)
  const change = {
    writer,
    options,
    subresource: null,
    patch: false,
    propose: (old: Resource, applied: Proposal['applied'] = {}) => {
      refuseSecondDeclarer(kind, old, writer)
      refuseOtherUid(kind, old, draft.metadata.uid)
      refuseOtherVersion(kind, old, draft.metadata.resourceVersion)
      return {
        metadata: appliedMeta(old, metadata, applied, applier),
        spec,
        rest,
        status: old.status,
        applied: nextApplied(applied, applier, draft.metadata),
        pinned: Boolean(draft.metadata.resourceVersion),
      }
    },
  } as const
  try {
    return await rewrite(ports, kind, place, change)
  } catch (error) {
    if (!isRefused(error, 'NotFound') || draft.metadata.resourceVersion) throw error
  }
  try {
    return await create(ports, kind, draft, writer, options, nextApplied({}, applier, draft.metadata))
  } catch (error) {
    // Somebody created it between the look and the write: it is theirs to be changed now.
    if (!isRefused(error, 'AlreadyExists') || options.dryRun) throw error
    return rewrite(ports, kind, place, change)
  }
}

function refuseOtherVersion(kind: Kind, old: Resource, version: string | undefined): void {
  if (version && version !== old.metadata.resourceVersion) throw conflict(kind, old.metadata.name, MODIFIED)
}

function refuseOtherUid(kind: Kind, old: Resource, uid: string | undefined): void {
  if (uid === undefined || uid === old.metadata.uid) return
  throw conflict(kind, old.metadata.name, `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${old.metadata.uid}`)
}

async function ensureNamespace(ports: WritePorts, name: string): Promise<void> {
  try {
    await create(ports, kindNamed('Namespace'), { apiVersion: 'v1', kind: 'Namespace', metadata: { name } }, SYSTEM, {})
  } catch (error) {
    if (!isRefused(error, 'AlreadyExists')) throw error
  }
}
