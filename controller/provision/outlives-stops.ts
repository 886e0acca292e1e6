import type { Db } from '../store/pool.ts'
import { versionOf } from '../store/versions.ts'
import { configured, isOurs, typeIn } from '../kernel/addresses.ts'
import { MACHINE_TYPES } from './state.ts'

/** Ours hold nothing of anybody, machines aside: they describe agents and what belongs to them. */
const isDescription = (type: string): boolean => isOurs(type) && !MACHINE_TYPES.includes(type)

/**
 * Whether something of this version outlives a stop, as its import found out by planning both. What nobody found out
 * about is taken to: asking once too often is better than losing somebody's disk.
 */
export async function outlivesStops(db: Db, templateUid: string, digest: string): Promise<(address: string) => boolean> {
  const facts = (await versionOf(db, templateUid, digest))?.facts
  const ephemeral = new Set(facts?.ephemeral ?? [])
  return (address) => !isDescription(typeIn(address)) && !ephemeral.has(configured(address))
}
