import type { Kind } from '../../crds/kinds.ts'
import { CONFIG_MAP_BYTES_MAX } from '../../crds/core-kinds.ts'
import { forbidden, invalid, refusedInvalid, tooLong } from '../../crds/schema/causes.ts'
import { admit, type AdmittedObject } from '../../crds/schema/index.ts'
import { equal } from '../../crds/schema/equal.ts'
import { isJsonObject } from '../../crds/schema/types.ts'
import type { WriteOptions } from './port.ts'
import { admittedSecret, isSecret } from './secrets.ts'

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
  { subresource, fieldValidation, patch, duplicates, warn }: AdmissionOptions,
): AdmittedObject {
  const { object: decoded, warnings } = admit(kind, draft, old, {
    ...(subresource === undefined ? {} : { subresource }),
    ...(fieldValidation === undefined ? {} : { fieldValidation }),
    ...(patch === undefined ? {} : { patch }),
    ...(duplicates === undefined ? {} : { duplicates }),
  })
  for (const warning of warnings) warn?.(warning)
  const object = isSecret(kind) ? admittedSecret(kind, decoded, old) : decoded
  if (kind.kind === 'ConfigMap') refuseTooMuchData(kind, object)
  refuseChangeOfImmutable(kind, object, old)
  return object
}

/** Of ConfigMaps and Secrets somebody may say that they stay as they are. */
function refuseChangeOfImmutable(kind: Kind, object: AdmittedObject, old: unknown): void {
  if (!isJsonObject(old) || old['immutable'] !== true) return
  const changed = ['data', 'binaryData'].filter((name) => !equal(old[name], object[name]))
  const fields = [...(object['immutable'] === true ? [] : ['immutable']), ...changed]
  const issues = fields.map((field) => forbidden(field, 'field is immutable when `immutable` is set'))
  if (issues.length > 0) throw refusedInvalid(kind, object.metadata.name ?? '', issues)
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
