import type { Instant } from '../../kernel/clock.ts'
import { isInFlight, isSucceededStart, newestSettled, nothingIsLeft } from './builds.ts'
import type { Seen } from './seen.ts'

/** What has changed behind Terraform's back, as the newest look has found it. */

/** Addresses; empty where nothing has, or nobody has looked since the newest build. */
export function driftOf({ look, builds }: Seen): readonly string[] {
  const builtAt = newestSettled(builds)?.finishedAt ?? null
  if (!look || look.phase !== 'Succeeded' || builtAt === null || look.queuedAt < builtAt || builds.some(isInFlight)) return []
  const found = look.result?.drift
  return Array.isArray(found) ? found : []
}

const CORRECTIONS_AN_HOUR_MAX = 3
const HOUR_MS = 3_600_000

/** Only what runs is put right by itself: a stopped workspace is, when it starts. */
export function isToBeCorrected(seen: Seen): boolean {
  if (!(seen.template?.drift.corrects ?? false) || !isSucceededStart(seen.builds[0] ?? null) || driftOf(seen).length === 0) return false
  // What has drifted again by the next look is no matter of building: somebody else, or its provider, changes it all the time.
  const lookedAt = seen.look?.queuedAt ?? 0
  const lately = seen.builds.filter(({ reason, queuedAt }) => reason === 'Drifted' && queuedAt > lookedAt - HOUR_MS)
  return lately.length < CORRECTIONS_AN_HOUR_MAX
}

/** When to look next; null: nobody asked to, or there is nothing to look at. */
export function driftLookAt({ template, builds, look }: Seen): Instant | null {
  const intervalMs = template?.drift.intervalMs ?? 0
  const newest = newestSettled(builds)
  if (intervalMs === 0 || newest?.phase !== 'Succeeded' || builds.some(isInFlight) || nothingIsLeft(builds)) return null
  if (look && isInFlight(look)) return null
  return Math.max(newest.finishedAt ?? 0, look?.finishedAt ?? 0) + intervalMs
}

const SHOWN_MAX = 10

export function driftSays(addresses: readonly string[]): string {
  const more = addresses.length > SHOWN_MAX ? ` and ${addresses.length - SHOWN_MAX} more` : ''
  return `Changed behind Terraform's back: ${addresses.slice(0, SHOWN_MAX).join(', ')}${more}.`
}
