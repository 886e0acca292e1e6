import { decodeMeta } from '../../crds/schema/metadata.ts'
import { isJsonObject } from '../../crds/schema/types.ts'
import { Refused } from '../kernel/errors.ts'
import type { Draft } from './port.ts'

/** JSON of any origin becomes a draft whose metadata has the right shape, or a refusal that names the field. */
export function draftFrom(value: unknown): Draft {
  if (!isJsonObject(value)) throw new Refused('BadRequest', 'the object must be a JSON object')
  const { apiVersion, kind, metadata = {}, ...rest } = value
  if (typeof kind !== 'string' || kind === '') throw new Refused('BadRequest', `Object 'Kind' is missing in the object`)
  if (typeof apiVersion !== 'string' || apiVersion === '') throw new Refused('BadRequest', `Object 'apiVersion' is missing in the object`)
  const { unreadable } = decodeMeta(metadata)
  if (unreadable !== null)
    throw new Refused('BadRequest', `${kind} in version "${apiVersion.split('/').at(-1)}" cannot be handled as a ${kind}: ${unreadable}`)
  const given = isJsonObject(metadata) ? metadata : {}
  // What is empty is not there. Fields we do not know stay, so that whoever asked for strict validation hears of them.
  const written = Object.entries(given).filter(([, each]) => each !== null && each !== '')
  return { ...rest, apiVersion, kind, metadata: Object.fromEntries(written) }
}
