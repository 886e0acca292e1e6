import { CORE_EVENTS, type Kind } from '../../crds/kinds.ts'
import { coreEvent, keptSelector } from '../../crds/event-kind.ts'
import type { Resource } from '../cluster/port.ts'
import { isSecret, withoutValues } from '../cluster/secrets.ts'

/** Between what is kept and what is asked for. Everything that leaves by the API as an object passes here. */

export function shown(kind: Kind, object: Resource): object {
  if (kind === CORE_EVENTS) return coreEvent(object)
  return isSecret(kind) ? withoutValues(object) : object
}

export const selectorFor = (kind: Kind, selector: string): string => (kind === CORE_EVENTS ? keptSelector(selector) : selector)
