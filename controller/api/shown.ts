import { CORE_EVENTS, type Kind } from '../../crds/kinds.ts'
import { coreEvent, keptSelector } from '../../crds/event-kind.ts'
import type { Resource } from '../cluster/port.ts'
import { isSecret, withoutValues } from '../cluster/secrets.ts'

/** Between what is kept and what is asked for. Everything that leaves by the API as an object passes here. */

export function shown(kind: Kind, object: Resource): object {
  if (kind === CORE_EVENTS) return coreEvent(object)
  const { generation, resourceVersion, ...metadata } = object.metadata
  // Kinds of Kubernetes itself have no generation, and what is not stored has no version.
  const seen = {
    ...(kind.group === '' || generation === undefined ? {} : { generation }),
    ...(resourceVersion === '' ? {} : { resourceVersion }),
  }
  return { ...(isSecret(kind) ? withoutValues(object) : object), metadata: { ...metadata, ...seen } }
}

export const selectorFor = (kind: Kind, selector: string): string => (kind === CORE_EVENTS ? keptSelector(selector) : selector)
