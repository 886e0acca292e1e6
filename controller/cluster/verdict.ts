import { Refused } from '../kernel/errors.ts'
import { admitted } from './admission.ts'
import { drafted } from './asked.ts'
import { draftFrom } from './draft.ts'

/** What a server would say to somebody who makes this object, in its words, as far as the object alone decides; null: nothing. */
export function refusalOf(object: unknown): Refused | null {
  try {
    const { kind, draft } = drafted(draftFrom(object))
    admitted(kind, draft, null, { fieldValidation: 'Strict' })
    return null
  } catch (error) {
    if (error instanceof Refused) return error
    throw error
  }
}
