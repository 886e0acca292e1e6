import type { Db } from '../store/pool.ts'
import { versionOf } from '../store/versions.ts'

/** Ours that hold nothing of anybody: they describe agents and what belongs to them. */
const DESCRIPTIONS = /(^|\.)(coder|bothy)_(?!process|container|pod)[a-z_]+\./

/**
 * Whether something of this version outlives a stop, as its import found out by planning both. What nobody found out
 * about is taken to: asking once too often is better than losing somebody's disk.
 */
export async function outlivesStops(db: Db, templateUid: string, digest: string): Promise<(address: string) => boolean> {
  const facts = (await versionOf(db, templateUid, digest))?.facts
  const ephemeral = new Set(facts?.ephemeral ?? [])
  return (address) => !DESCRIPTIONS.test(address) && !ephemeral.has(configured(address))
}

/** The address in the configuration, without which of several it is. */
export const configured = (address: string): string => address.replace(/\[(?:\d+|"(?:[^"\\]|\\.)*")\]/g, '')
