import { createHash } from 'node:crypto'
import type { ObjectValue } from '../wire/values.ts'
import type { Identity } from '../port.ts'
import type { Session } from '../session.ts'

/** What is done about the types of the table. A hand throws `Wrong` where a person has to change something. */

export interface DataHand {
  /** `filled` has the configuration with its defaults; what is computed is still unknown in it. */
  read(filled: ObjectValue, session: Session): Promise<ObjectValue>
}

/** A resource as terraform keeps it: the attributes, and bytes that nobody but the provider reads. */
export interface Kept {
  readonly state: ObjectValue
  readonly secret: Uint8Array
}

export interface ResourceHand {
  /** What more is known at this point than the configuration says. */
  plan?(planned: ObjectValue, before: ObjectValue | null, session: Session): ObjectValue
  create(planned: ObjectValue, session: Session): Promise<Kept>
  /** null: it is gone. */
  read?(kept: Kept, session: Session): Promise<Kept | null>
  update?(planned: ObjectValue, before: Kept, session: Session): Promise<Kept>
  destroy?(kept: Kept, session: Session): Promise<void>
}

/** Of a workspace, for somebody: not a template that is only read, nor terraform by hand. */
export const isBuild = ({ buildId, importing }: Identity): boolean => buildId !== '' && !importing

export const NO_SECRET = new Uint8Array()

export const textOf = (object: ObjectValue, name: string): string => {
  const value = object[name]
  return typeof value === 'string' ? value : ''
}

export const numberOf = (object: ObjectValue, name: string): number => {
  const value = object[name]
  return typeof value === 'number' ? value : 0
}

/** A map of strings; entries without a value are left out. */
export const textsOf = (object: ObjectValue, name: string): Record<string, string> =>
  Object.fromEntries(Object.entries(object[name] ?? {}).filter((entry): entry is [string, string] => typeof entry[1] === 'string'))

/** The same for the same words: a plan that reads it twice must not find a difference. */
export function derivedUuid(...words: readonly string[]): string {
  const hex = createHash('sha256').update(words.join('\0')).digest('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}

export const numberOrNull = (object: ObjectValue, name: string): number | null => {
  const value = object[name]
  return typeof value === 'number' ? value : null
}

/** A list of strings; none where there is none. */
export const listOf = (object: ObjectValue, name: string): readonly string[] => {
  const value = object[name]
  return Array.isArray(value) ? value.filter((each) => typeof each === 'string') : []
}
