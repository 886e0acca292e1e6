import type { Kind } from '../../crds/kinds.ts'
import { invalid, refusedInvalid, tooLong, type Issue } from '../../crds/schema/causes.ts'
import { equal } from '../../crds/schema/equal.ts'
import { isJsonObject, own } from '../../crds/schema/types.ts'
import { Misconfigured } from '../kernel/errors.ts'
import type { Sealer } from '../store/sealed.ts'
import type { Cluster, Resource } from './port.ts'

/**
 * Values that are written and never read back. In memory, while it is written and for the controller that asks for it by
 * name, a Secret has its values; what is stored, listed, watched and answered has its keys, each with nothing.
 *
 *   body    {data: {token: ''}}      rows, changes, lists, watches, answers
 *   sealed  {"token": "czNjcjN0"}    one column of one row, under the key of this control plane
 */

type Strings = Readonly<Record<string, string>>

export const SECRET_BYTES_MAX = 1024 * 1024
/** kubectl keeps here what it applied: with the values of a Secret, in the clear. */
const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration'

export const isSecret = ({ kind }: { readonly kind: string }): boolean => kind === 'Secret'

/** What the controller reads of a Secret by its keys; null: there is none of that name. */
export async function readSecret(
  cluster: Pick<Cluster, 'get'>,
  namespace: string,
  name: string,
): Promise<ReadonlyMap<string, Buffer> | null> {
  const secret = await cluster.get('Secret', namespace, name)
  return secret && new Map(Object.entries(valuesOf(secret.data)).map(([key, value]) => [key, Buffer.from(value, 'base64')]))
}

/** As everybody may see it. */
export const withoutValues = <T extends { readonly data?: unknown }>(secret: T): T =>
  secret.data === undefined ? secret : { ...secret, data: emptied(valuesOf(secret.data)) }

const emptied = (values: Strings): Strings => Object.fromEntries(Object.keys(values).map((key) => [key, '']))

const valuesOf = (data: unknown): Strings =>
  isJsonObject(data)
    ? Object.fromEntries(Object.entries(data).filter((entry): entry is [string, string] => typeof entry[1] === 'string'))
    : {}

export interface Vault {
  /** The object as it was written, with its values. */
  opened(object: Resource, sealed: Buffer | null): Resource
  /** The object as it may be seen, and what belongs into the vault; null: nothing does. */
  parted(object: Resource): { readonly object: Resource; readonly sealed: Buffer | null }
}

const contextOf = ({ metadata }: Resource): string => `secret ${metadata.uid}`

export function createVault(sealer: Sealer | null): Vault {
  const key = (): Sealer => {
    if (sealer) return sealer
    throw new Misconfigured('There is no key, so no Secret can be kept.')
  }
  return {
    opened(object, sealed) {
      if (!isSecret(object) || sealed === null) return object
      const data: unknown = JSON.parse(key().open(sealed, contextOf(object)).toString('utf8'))
      return { ...object, data }
    },
    parted(object) {
      if (!isSecret(object)) return { object, sealed: null }
      const text = JSON.stringify(valuesOf(object.data))
      return { object: withoutValues(object), sealed: key().seal(Buffer.from(text), contextOf(object)) }
    },
  }
}

interface Written {
  readonly metadata: { readonly name?: string; readonly annotations?: Strings }
  readonly data?: unknown
}

/** What is written of a Secret: values that were shown empty stay, texts become bytes, and no annotation keeps a value. */
export function admittedSecret<T extends Written>(kind: Kind, given: T, old: unknown): T {
  const { stringData, ...object } = { stringData: undefined, ...given }
  const before = isJsonObject(old) ? valuesOf(own(old, 'data')) : {}
  const texts = Object.entries(valuesOf(stringData)).map(([key, text]) => [key, Buffer.from(text).toString('base64')] as const)
  const values = Object.entries({ ...valuesOf(object.data), ...Object.fromEntries(texts) })
  const data = Object.fromEntries(values.map(([key, value]) => [key, value === '' ? (own(before, key) ?? '') : value]))
  const next = { ...object, ...(values.length === 0 ? {} : { data }), metadata: withoutKeptValues(object.metadata) }
  const issues = issuesOf(data, isJsonObject(old) ? old : null, next)
  if (issues.length > 0) throw refusedInvalid(kind, given.metadata.name ?? '', issues)
  // Nothing but stringData and values differ from what was given.
  return next as unknown as T
}

function issuesOf(data: Readonly<Record<string, unknown>>, old: object | null, next: object): readonly Issue[] {
  const bytes = Object.values(data).reduce<number>((sum, value) => sum + Buffer.byteLength(String(value), 'base64'), 0)
  const type = isJsonObject(next) ? own(next, 'type') : undefined
  const moved = isJsonObject(old) && !equal(own(old, 'type'), type)
  return [
    ...(bytes > SECRET_BYTES_MAX ? [tooLong('data', SECRET_BYTES_MAX)] : []),
    ...(moved ? [invalid('type', type, 'field is immutable')] : []),
  ]
}

/** The keys stay in it, so that kubectl knows what it has to remove when it applies again. */
function withoutKeptValues<T extends Written['metadata']>(metadata: T): T {
  const text = metadata.annotations?.[LAST_APPLIED]
  if (text === undefined) return metadata
  const { [LAST_APPLIED]: _kept, ...others } = metadata.annotations ?? {}
  const masked = maskedApplied(text)
  return { ...metadata, annotations: masked === null ? others : { ...others, [LAST_APPLIED]: masked } }
}

function maskedApplied(text: string): string | null {
  try {
    const applied: unknown = JSON.parse(text)
    if (!isJsonObject(applied)) return null
    const masked = Object.entries(applied).map(([name, value]) =>
      name === 'data' || name === 'stringData' ? [name, emptied(valuesOf(value))] : [name, value],
    )
    return `${JSON.stringify(Object.fromEntries(masked))}\n`
  } catch {
    return null
  }
}
