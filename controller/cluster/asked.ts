import { KINDS, type Kind } from '../../crds/kinds.ts'
import { Refused } from '../kernel/errors.ts'
import { draftFrom } from './draft.ts'
import type { Draft } from './port.ts'

/** Which kind somebody asks for. Pure. */

export function kindNamed(name: string): Kind {
  const kind = KINDS.find((each) => each.kind === name)
  if (!kind)
    throw new Refused(
      'NotFound',
      `the server does not know the kind ${JSON.stringify(name)}; it knows ${KINDS.map((each) => each.kind).join(', ')}`,
    )
  return kind
}

export function writableKind(name: string): Kind {
  const kind = kindNamed(name)
  if (kind.kind === 'Event') throw new Refused('MethodNotAllowed', 'events are written by what happens, not by requests')
  return kind
}

export function drafted(given: Draft): { readonly kind: Kind; readonly draft: Draft } {
  const draft = draftFrom(given)
  const kind = writableKind(draft.kind)
  if (draft.apiVersion !== kind.apiVersion) {
    throw new Refused(
      'BadRequest',
      `apiVersion ${JSON.stringify(draft.apiVersion)} of kind ${kind.kind} is not served; write ${kind.apiVersion}`,
    )
  }
  return { kind, draft }
}
