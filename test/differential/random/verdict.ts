import { isJsonObject } from '../../../crds/schema/types.ts'

/** What became of a document, as far as two servers can be compared. */
export interface Verdict {
  readonly code: number
  /** In order, each once: a server that goes through a map does so in no order, and looks at metadata twice in an update. */
  readonly causes: readonly string[]
  /** Of a refusal that has no causes. */
  readonly message: string | null
  readonly warnings: readonly string[]
  /** What would be stored, without what each server makes up by itself. */
  readonly object: unknown
}

interface Refusal {
  readonly code: number
  readonly message: string
  readonly causes: readonly { readonly reason: string; readonly field: string; readonly message: string }[]
  readonly warnings: readonly string[]
}

export const refused = ({ code, message, causes, warnings }: Refusal): Verdict => ({
  code,
  causes: [...new Set(causes.map(({ reason, field, message: text }) => agreed(`${reason} ${field}: ${text}`)))].toSorted(),
  message: causes.length > 0 ? null : message,
  warnings: warnings.toSorted(),
  object: null,
})

/**
 * docs/differences.md: objects that differ in one field and have another that cannot be read are unequal or unreadable to the
 * real server, as it comes upon one or the other first, in a map without order.
 */
const agreed = (cause: string): string => (UNEQUAL.test(cause) ? 'unequal, or unreadable' : cause)

const UNEQUAL = /Forbidden: a request cannot be changed; make another one$|evaluating rule: a request cannot be changed; make another one$/

export const accepted = (code: number, object: unknown, warnings: readonly string[]): Verdict => ({
  code,
  causes: [],
  message: null,
  warnings: warnings.toSorted(),
  object: withoutInventions(object),
})

const INVENTED = new Set(['uid', 'resourceVersion', 'generation', 'creationTimestamp', 'managedFields', 'namespace', 'selfLink'])

function withoutInventions(object: unknown): unknown {
  if (!isJsonObject(object)) return object
  const metadata = isJsonObject(object['metadata']) ? object['metadata'] : {}
  const kept = Object.entries(metadata).filter(([name, value]) => !INVENTED.has(name) && !isEmpty(value))
  return sorted({ ...object, metadata: Object.fromEntries(kept) })
}

/** Go leaves out what is empty of metadata. */
const isEmpty = (value: unknown): boolean =>
  value === null || value === '' || (typeof value === 'object' && Object.keys(value).length === 0)

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (!isJsonObject(value)) return value
  return Object.fromEntries(
    Object.entries(value)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, item]) => [name, sorted(item)]),
  )
}

export interface Comparison {
  readonly verdict: boolean
  readonly causes: boolean
  readonly object: boolean
  readonly warnings: boolean
}

export const compared = (real: Verdict, ours: Verdict): Comparison => ({
  verdict: real.code === ours.code,
  causes: same(real.causes, ours.causes),
  object: same(real.object, ours.object),
  warnings: same(real.warnings, ours.warnings),
})

const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b)
