import { kindOf } from '../../crds/kinds.ts'
import { isJsonObject } from '../../crds/schema/types.ts'
import type { Clock, Instant } from '../kernel/clock.ts'
import { isRefused, messageOf } from '../kernel/errors.ts'
import type { Log } from '../kernel/log.ts'
import { sha256 } from '../kernel/names.ts'
import type { KubernetesConnection } from './kubernetes-connection.ts'
import { createEventLimit, keyOfRef, micro, noteOf, referenceTo, REPORTING_CONTROLLER } from './happenings.ts'
import type { Happening } from './port.ts'

/**
 * Events of a cluster. The name of one is made of what it says, so the same one again finds the first, also after a restart and
 * from another replica, and is counted there; the server forgets events by itself. One that cannot be written is dropped: nothing
 * that is done may fail because it cannot be told.
 */

interface Ports {
  readonly connection: Pick<KubernetesConnection, 'request'>
  readonly clock: Clock
  readonly log: Log
  /** Which replica tells. */
  readonly instance: string
}

const TRIES_MAX = 5
const NAME_LENGTH_MAX = 200
const LIMIT_MS = 10_000

export function createKubernetesEvents(ports: Ports): (happening: Happening) => Promise<void> {
  const allowed = createEventLimit()
  return async (happening) => {
    const regarding = keyOfRef(happening.regarding)
    const drop = (why: string) => ports.log.debug('an event was dropped', { regarding, reason: happening.reason, why })
    if (!allowed(regarding, ports.clock.now())) return drop('too many about one object')
    try {
      for (let tries = 0; tries < TRIES_MAX; tries += 1) if (await keep(ports, happening, regarding)) return
      drop('others kept counting the same one')
    } catch (error) {
      drop(messageOf(error))
    }
  }
}

async function keep(ports: Ports, happening: Happening, regarding: string): Promise<boolean> {
  const now = ports.clock.now()
  const event = born(ports, happening, regarding, now)
  const path = `/apis/events.k8s.io/v1/namespaces/${encodeURIComponent(event.metadata.namespace)}/events`
  try {
    await ports.connection.request({ method: 'POST', path, body: event, timeoutMs: LIMIT_MS })
    return true
  } catch (error) {
    if (!isRefused(error, 'AlreadyExists')) throw error
  }
  return counted(ports, `${path}/${encodeURIComponent(event.metadata.name)}`, now)
}

/** False when another was faster, or it is gone: both are tried again. */
async function counted({ connection }: Ports, path: string, now: Instant): Promise<boolean> {
  try {
    const { body } = await connection.request({ method: 'GET', path, timeoutMs: LIMIT_MS })
    const known = isJsonObject(body) ? body : {}
    const count = isJsonObject(known['series']) ? Number(known['series']['count']) : 1
    const metadata = { resourceVersion: isJsonObject(known['metadata']) ? known['metadata']['resourceVersion'] : undefined }
    const patch = { metadata, series: { count: count + 1, lastObservedTime: micro(now) } }
    await connection.request({ method: 'PATCH', path, body: patch, contentType: 'application/merge-patch+json', timeoutMs: LIMIT_MS })
    return true
  } catch (error) {
    if (isRefused(error, 'Conflict', 'NotFound')) return false
    throw error
  }
}

function born({ instance }: Ports, happening: Happening, regarding: string, now: Instant) {
  const { type, reason, action } = happening
  const note = noteOf(happening)
  const about = happening.regarding
  const digest = sha256(JSON.stringify([regarding, type, reason, note])).slice(0, 16)
  return {
    apiVersion: 'events.k8s.io/v1',
    kind: 'Event',
    metadata: {
      name: `${about.name.slice(0, NAME_LENGTH_MAX)}.${digest}`,
      namespace: kindOf(about.kind)?.namespaced === false ? 'default' : about.namespace || 'default',
    },
    eventTime: micro(now),
    type,
    reason,
    action,
    note,
    reportingController: REPORTING_CONTROLLER,
    reportingInstance: instance,
    regarding: referenceTo(about),
  }
}
