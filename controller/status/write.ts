import { isDeepStrictEqual } from 'node:util'
import type { Cluster, Resource, Writer } from '../cluster/port.ts'
import type { Instant } from '../kernel/clock.ts'
import { isRefused, Transient } from '../kernel/errors.ts'
import { REASONS, type Reason } from '../kernel/reasons.ts'
import { mergedConditions, type GivenCondition, type StoredCondition } from './conditions.ts'

/** What a look found out about an object: the whole of its status but for what this file adds. */
export interface Finding {
  readonly conditions: readonly GivenCondition[]
  readonly status: Readonly<Record<string, unknown>>
  /** Where this stands already, `status` is not worth a write. */
  readonly unhurried?: Readonly<Record<string, unknown>>
}

const CONFLICTS_MAX = 5
const HANDLED_LENGTH_MAX = 256

/**
 * The one writer of status. Writes nothing when nothing changed; a conflict is read again and tried again, and nobody
 * hears of it. Answers the object as it is now, or null when it is gone or another has taken its name.
 */
export async function writeStatus(
  cluster: Cluster,
  object: Resource,
  finding: Finding,
  writer: Writer,
  now: Instant,
  assertLeader: () => Promise<void>,
): Promise<Resource | null> {
  const { name, namespace = '', uid } = object.metadata
  let current = object
  for (let conflicts = 0; conflicts < CONFLICTS_MAX; conflicts++) {
    // What was judged is the object as it was read: a newer spec has not been looked at yet.
    const wanted = nextStatus(current.status, finding, object, now)
    if (isDeepStrictEqual(wanted, current.status)) return current
    const { unhurried } = finding
    if (unhurried && isDeepStrictEqual(nextStatus(current.status, { ...finding, status: unhurried }, object, now), current.status))
      return current
    await assertLeader()
    const metadata = { resourceVersion: current.metadata.resourceVersion }
    try {
      return await cluster.patchStatus(object.kind, namespace, name, { metadata, status: mergePatch(current.status, wanted) }, writer)
    } catch (error) {
      if (isRefused(error, 'NotFound')) return null
      if (!isRefused(error, 'Conflict')) throw error
    }
    const again = await cluster.get(object.kind, namespace, name)
    if (again?.metadata.uid !== uid) return null
    current = again
  }
  throw new Transient(`the status of ${object.kind} ${name} kept changing while it was written`)
}

export const storedConditions = (status: unknown): readonly StoredCondition[] => {
  const conditions = isRecord(status) ? status['conditions'] : undefined
  return Array.isArray(conditions) ? conditions.filter(isCondition) : []
}

/** What stands now, to be given again by a look that could not find out more. */
export const givenConditions = (status: unknown): GivenCondition[] =>
  storedConditions(status).flatMap(({ type, status: is, reason, message }) =>
    isReason(reason) ? [{ type, status: is, reason, message }] : [],
  )

/** Everything in a status that is not this file's own. */
export const otherStatus = (status: unknown): Readonly<Record<string, unknown>> =>
  isRecord(status) ? Object.fromEntries(Object.entries(status).filter(([name]) => !OWN_FIELDS.has(name))) : {}

const OWN_FIELDS = new Set(['observedGeneration', 'lastHandledReconcile', 'conditions'])

const isReason = (text: string): text is Reason => (REASONS as readonly string[]).includes(text)

function nextStatus(before: unknown, finding: Finding, judged: Resource, now: Instant): Record<string, unknown> {
  const asked = judged.metadata.annotations?.['bothy.dev/reconcile']?.slice(0, HANDLED_LENGTH_MAX)
  const known = isRecord(before) ? before['lastHandledReconcile'] : undefined
  const handled = asked ?? known
  return withoutNothing({
    observedGeneration: judged.metadata.generation,
    ...finding.status,
    ...(handled === undefined ? {} : { lastHandledReconcile: handled }),
    conditions: mergedConditions(storedConditions(before), finding.conditions, judged.metadata.generation, now),
  })
}

/** As it comes back from storage: without fields that say nothing. A merge patch takes null for "remove". */
function withoutNothing(value: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const kept = Object.entries(value).filter(([, item]) => item !== undefined && item !== null)
  return Object.fromEntries(kept.map(([name, item]) => [name, isRecord(item) ? withoutNothing(item) : item]))
}

/** RFC 7386: what differs, and null for what is gone. */
export function mergePatch(before: unknown, after: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const old = isRecord(before) ? before : {}
  const changed = Object.entries(after).flatMap(([name, value]): [string, unknown][] => {
    if (isDeepStrictEqual(old[name], value)) return []
    return [[name, isRecord(value) && isRecord(old[name]) ? mergePatch(old[name], value) : value]]
  })
  const gone = Object.keys(old).filter((name) => !Object.hasOwn(after, name))
  return Object.fromEntries([...changed, ...gone.map((name): [string, null] => [name, null])])
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const isCondition = (value: unknown): value is StoredCondition =>
  isRecord(value) && typeof value['type'] === 'string' && typeof value['lastTransitionTime'] === 'string'
