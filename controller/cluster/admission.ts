import type { Kind } from '../../crds/kinds.ts'
import { admit, type AdmittedObject } from '../../crds/schema/index.ts'
import type { WriteOptions } from './port.ts'

export interface AdmissionOptions extends WriteOptions {
  /** The status alone is written. */
  readonly subresource?: 'status'
  /** The object came about by a patch: it is refused in other words. */
  readonly patch?: boolean
}

/** What is stored if nothing else stands against it: decoded, defaulted and valid. Warnings go to who asked. */
export function admitted(
  kind: Kind,
  draft: unknown,
  old: unknown,
  { subresource, fieldValidation, patch, warn }: AdmissionOptions,
): AdmittedObject {
  const { object, warnings } = admit(kind, draft, old, {
    ...(subresource === undefined ? {} : { subresource }),
    ...(fieldValidation === undefined ? {} : { fieldValidation }),
    ...(patch === undefined ? {} : { patch }),
  })
  for (const warning of warnings) warn?.(warning)
  return object
}
