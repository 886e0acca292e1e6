import { isRefused } from '../../../controller/kernel/errors.ts'
import type { Kind } from '../../../crds/kinds.ts'
import { admit, type AdmitOptions } from '../../../crds/schema/index.ts'
import { parseJson } from '../../../crds/schema/parse.ts'
import { accepted, refused, type Verdict } from './verdict.ts'

/** What our own engine, without any server around it, makes of a document. */
export function verdictOfEngine(kind: Kind, text: string, old: unknown, options: AdmitOptions): Verdict {
  try {
    const { value, duplicates } = parseJson(text)
    const { object, warnings } = admit(kind, value, old, { ...options, duplicates })
    return accepted(200, object, warnings)
  } catch (error) {
    if (!isRefused(error)) throw error
    return refused({ code: error.code, message: error.message, causes: error.details.causes ?? [], warnings: [] })
  }
}
