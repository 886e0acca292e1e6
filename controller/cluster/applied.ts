import { JSON_VALUES_MAX } from '../../crds/schema/parse.ts'
import type { Applied } from '../store/objects.ts'
import type { Draft, Resource, Writer } from './port.ts'

/**
 * Who gave which label and annotation: what a declarer leaves out the next time goes, what somebody else put stays. This
 * is the part of server-side apply that people notice. Pure.
 */

type Metadata = Draft['metadata']
type Strings = Readonly<Record<string, string>>

const APPLIERS_MAX = 16

export const applierOf = ({ declarer, manager }: Writer): string => declarer ?? manager

/** Metadata as it is after `draft` was applied over `old`. */
export function appliedMeta(old: Resource, draft: Metadata, applied: Applied, applier: string): Metadata {
  const mine = Object.hasOwn(applied, applier) ? applied[applier] : undefined
  const owners = new Set(draft.ownerReferences?.map(({ uid }) => uid))
  return {
    ...old.metadata,
    labels: over(old.metadata.labels, mine?.labels, draft.labels),
    annotations: over(old.metadata.annotations, mine?.annotations, draft.annotations),
    finalizers: [...new Set([...(old.metadata.finalizers ?? []), ...(draft.finalizers ?? [])])],
    ownerReferences: [...(old.metadata.ownerReferences ?? []).filter(({ uid }) => !owners.has(uid)), ...(draft.ownerReferences ?? [])],
  }
}

function over(old: Strings = {}, mine: readonly string[] = [], given: Strings = {}): Strings {
  const gave = new Set(mine)
  const kept = Object.entries(old).filter(([name]) => !gave.has(name) || Object.hasOwn(given, name))
  return { ...Object.fromEntries(kept), ...given }
}

export function nextApplied(applied: Applied, applier: string, draft: Metadata): Applied {
  const labels = Object.keys(draft.labels ?? {}).sort()
  const annotations = Object.keys(draft.annotations ?? {}).sort()
  let names = labels.length + annotations.length
  // The newest, as far as all of them gave no more names than an object may have.
  const others = Object.entries(applied)
    .filter(([name]) => name !== applier)
    .slice(-(APPLIERS_MAX - 1))
    .toReversed()
    .filter(([, each]) => (names += each.labels.length + each.annotations.length) <= JSON_VALUES_MAX)
    .toReversed()
  const entry: Applied = labels.length + annotations.length === 0 ? {} : { [applier]: { labels, annotations } }
  return { ...Object.fromEntries(others), ...entry }
}
