import type { Kind } from '../../crds/kinds.ts'
import { CONFIG_MAP_BYTES_MAX } from '../../crds/core-kinds.ts'
import { invalid, refusedInvalid, tooLong } from '../../crds/schema/causes.ts'
import { admit, type AdmittedObject } from '../../crds/schema/index.ts'
import { isJsonObject } from '../../crds/schema/types.ts'
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
  if (kind.kind === 'ConfigMap') refuseTooMuchData(kind, object)
  return object
}

/** What no schema can say: a bound for all of it together, and no key twice. */
function refuseTooMuchData(kind: Kind, { metadata, data, binaryData }: AdmittedObject): void {
  const texts = Object.entries(isJsonObject(data) ? data : {})
  const binary = Object.entries(isJsonObject(binaryData) ? binaryData : {})
  const bytes = [...texts, ...binary].reduce((sum, [, value]) => sum + Buffer.byteLength(String(value)), 0)
  const twice = binary.find(([key]) => isJsonObject(data) && Object.hasOwn(data, key))?.[0]
  const issues = [
    ...(bytes > CONFIG_MAP_BYTES_MAX ? [tooLong('data', CONFIG_MAP_BYTES_MAX)] : []),
    ...(twice === undefined ? [] : [invalid(`binaryData[${twice}]`, twice, 'duplicate of key present in data')]),
  ]
  if (issues.length > 0) throw refusedInvalid(kind, metadata.name ?? '', issues)
}
