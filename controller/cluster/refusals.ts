import type { Kind } from '../../crds/kinds.ts'
import { Refused, type Cause } from '../kernel/errors.ts'
import type { Resource } from './port.ts'

/** Sentences of the Kubernetes API server, in one place. */

const qualified = ({ plural, group }: Kind): string => (group === '' ? plural : `${plural}.${group}`)
const details = ({ plural, group }: Kind, name: string) => ({ name, group, kind: plural })

export const notFound = (kind: Kind, name: string): Refused =>
  new Refused('NotFound', `${qualified(kind)} "${name}" not found`, details(kind, name))

export const alreadyExists = (kind: Kind, name: string, isEnding = false): Refused =>
  new Refused(
    'AlreadyExists',
    `${isEnding ? 'object is being deleted: ' : ''}${qualified(kind)} "${name}" already exists`,
    details(kind, name),
  )

export const forbidden = (kind: Kind, name: string, why: string, causes: readonly Cause[] = []): Refused =>
  new Refused('Forbidden', `${qualified(kind)} "${name}" is forbidden: ${why}`, {
    ...details(kind, name),
    ...(causes.length > 0 ? { causes } : {}),
  })

export const conflict = (kind: Kind, name: string, why: string): Refused =>
  new Refused('Conflict', `Operation cannot be fulfilled on ${qualified(kind)} "${name}": ${why}`, details(kind, name))

export const MODIFIED = 'the object has been modified; please apply your changes to the latest version and try again'

export const expired = (from: string, oldest: number): Refused => new Refused('Expired', `too old resource version: ${from} (${oldest})`)

export const listExpired = (): Refused => new Refused('Expired', 'The resourceVersion for the provided list is too old.')

/** Whoever wants to see a state that is at least so new, where the newest is older. */
export function refuseAhead(wanted: string, newest: string): void {
  if (BigInt(wanted) <= BigInt(newest)) return
  throw new Refused('Timeout', `Timeout: Too large resource version: ${wanted}, current: ${newest}`, {
    causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version', field: '' }],
    retryAfterSeconds: 1,
  })
}

export const versionNeeded = (kind: Kind, name: string): Refused => {
  const [field, message] = ['metadata.resourceVersion', 'Invalid value: 0: must be specified for an update']
  return new Refused('Invalid', `${qualified(kind)} "${name}" is invalid: ${field}: ${message}`, {
    ...details(kind, name),
    causes: [{ reason: 'FieldValueInvalid', message, field }],
  })
}

export const otherName = (given: string | undefined, name: string): Refused =>
  new Refused(
    'BadRequest',
    given
      ? `the name of the object (${given}) does not match the name on the URL (${name})`
      : `the name of the object (${name} based on URL) was undeterminable: name must be provided`,
  )

export const otherNamespace = (): Refused =>
  new Refused('BadRequest', 'the namespace of the provided object does not match the namespace sent on the request')

/** Of whoever deletes: they have seen another one than there is. */
export function otherThanSeen(kind: Kind, name: string, what: 'UID' | 'ResourceVersion', given: string, is: string): Refused {
  const known = kind.group === '' ? kind.kind : `${kind.kind}.${kind.group}`
  const hint = what === 'UID' ? 'The object might have been deleted and then recreated' : 'The object might have been modified'
  return new Refused(
    'Conflict',
    `Operation cannot be fulfilled on ${known} "${name}": the ${what} in the precondition (${given}) does not match the ${what} in record (${is}). ${hint}`,
    { name, group: kind.group, kind: kind.kind },
  )
}

/** As much as etcd takes. A bound for each request is none for what many of them make of one object. */
const STORED_BYTES_MAX = 1.5 * 1024 * 1024
/** Kubernetes keeps its own kinds in a form that is smaller than JSON. */
const CORE_BYTES_MAX = 2 * STORED_BYTES_MAX
/** That it goes, and what has to be done before, is written into it too: one that is as large as may be can be deleted as well. */
const ENDING_BYTES = 1024

/** Before it is written: others are written in the same statement. */
export function refuseUnkeepable({ apiVersion, metadata }: Resource, body: string, owners: readonly string[]): void {
  const most = apiVersion === 'v1' ? CORE_BYTES_MAX : STORED_BYTES_MAX
  const ending = metadata.deletionTimestamp === undefined ? 0 : ENDING_BYTES
  if (Buffer.byteLength(body) > most + ending) throw new Refused('RequestEntityTooLarge', `the object would be larger than ${most} bytes`)
  if (owners.some((uid) => uid.includes('\0')))
    throw new Refused('BadRequest', 'the uid of an owner has the character U+0000, which no object has')
}
