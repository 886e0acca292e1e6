import { isJsonObject } from '../../crds/schema/types.ts'
import { toIso, type Clock, type Instant } from '../kernel/clock.ts'
import type { Log } from '../kernel/log.ts'
import { newUid, randomSuffix } from '../kernel/names.ts'
import { keepEvent, repeatedEvent } from '../store/events.ts'
import type { Db } from '../store/pool.ts'
import { createEventLimit, keyOfRef, micro, noteOf, referenceTo, REPORTING_CONTROLLER } from './happenings.ts'
import type { Happening } from './port.ts'

/** Happenings become Event objects (events.k8s.io/v1); the same one again within ten minutes is counted, not added. */

const SERIES_MS = 10 * 60_000

interface Ports {
  readonly db: Db
  readonly clock: Clock
  readonly log: Log
}

export function createEvents({ db, clock, log }: Ports): (happening: Happening) => Promise<void> {
  const allowed = createEventLimit()
  return async (happening) => {
    const now = clock.now()
    const regarding = keyOfRef(happening.regarding)
    if (!allowed(regarding, now)) {
      log.debug('an event was dropped: too many about one object', { regarding, reason: happening.reason })
      return
    }
    for (let tries = 0; tries < 5; tries += 1) if (await keep(db, happening, regarding, now)) return
    log.debug('an event was dropped: others kept counting the same one', { regarding, reason: happening.reason })
  }
}

async function keep(db: Db, happening: Happening, regarding: string, now: Instant): Promise<boolean> {
  const { type, reason } = happening
  const note = noteOf(happening)
  const same = await repeatedEvent(db, { regarding, type, reason, note }, now - SERIES_MS)
  const old = same ? eventOf(same.body) : null
  const object = old && same ? repeated(old, same.count + 1, now) : born(happening, note, now)
  const { uid, namespace, name } = object.metadata
  const row = {
    uid,
    namespace,
    name,
    regarding,
    type,
    reason,
    note,
    count: (same?.count ?? 0) + 1,
    lastAt: now,
    body: JSON.stringify(object),
  }
  return keepEvent(db, row, old && same ? same.version : null)
}

interface EventObject {
  readonly metadata: { readonly uid: string; readonly namespace: string; readonly name: string }
}

function born({ regarding, type, reason, action }: Happening, note: string, now: Instant): EventObject {
  const name = `${regarding.name.slice(0, 200)}.${randomSuffix(12)}`
  const namespace = regarding.namespace || 'default'
  const event = {
    apiVersion: 'events.k8s.io/v1',
    kind: 'Event',
    metadata: { name, namespace, uid: newUid(), creationTimestamp: toIso(now) },
    eventTime: micro(now),
    type,
    reason,
    action,
    note,
    reportingController: REPORTING_CONTROLLER,
    reportingInstance: 'bothy',
    regarding: referenceTo(regarding),
    deprecatedFirstTimestamp: toIso(now),
    deprecatedLastTimestamp: toIso(now),
    deprecatedCount: 1,
  }
  return event
}

const repeated = (old: EventObject, count: number, now: Instant): EventObject => {
  const event = { ...old, series: { count, lastObservedTime: micro(now) }, deprecatedLastTimestamp: toIso(now), deprecatedCount: count }
  return event
}

function eventOf(body: string): EventObject | null {
  const value: unknown = JSON.parse(body)
  return isEvent(value) ? value : null
}

const isEvent = (value: unknown): value is EventObject =>
  isJsonObject(value) &&
  isJsonObject(value['metadata']) &&
  (['uid', 'namespace', 'name'] as const).every((name) => isJsonObject(value['metadata']) && typeof value['metadata'][name] === 'string')
