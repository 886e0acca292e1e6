import type { Instant } from '../../kernel/clock.ts'
import { isServed, startIsOverAt } from '../provisioners.ts'
import { wantedLabels } from './labels.ts'
import type { Seen } from './seen.ts'

export interface MissingProvisioner {
  readonly reason: 'NoProvisioner' | 'Queued'
  readonly message: string
  readonly lookAgainAt: Instant
  /** Long enough to tell people; a system that is just starting is silent. */
  readonly lasts: boolean
}

const LOOK_AGAIN_MS = 60_000
const SILENT_AT_FIRST_MS = 10_000
const WAITS = 'It waits for a provisioner.'

/**
 * Builds that no person asked for are not queued while nobody could run them: thousands would pile up, and all start at
 * once when provisioners return. Judged at the instant of the decision.
 */
export function missingProvisioner(seen: Seen, now: Instant): MissingProvisioner | null {
  const wanted = wantedLabels(seen)
  if (isServed(wanted, seen.provisioners, now)) return null
  const startedAt = startIsOverAt(seen.controllerStartedAt)
  if (now < startedAt) return { reason: 'Queued', message: WAITS, lasts: false, lookAgainAt: startedAt }
  const since = waitingSince(seen)
  const lasts = since !== null && now - since >= SILENT_AT_FIRST_MS
  const labels = Object.entries(wanted)
    .map(([name, value]) => `${name}=${value}`)
    .toSorted()
  const message = lasts
    ? `No provisioner${labels.length > 0 ? ` with the labels ${labels.join(', ')}` : ''} has reported lately: is one running?`
    : WAITS
  return { reason: 'NoProvisioner', message, lasts, lookAgainAt: lasts ? now + LOOK_AGAIN_MS : (since ?? now) + SILENT_AT_FIRST_MS }
}

/** Since when the last looks have said the same. */
function waitingSince({ workspace }: Seen): Instant | null {
  const before = workspace.before.conditions.find(({ type, reason }) => type === 'Reconciling' && reason === 'NoProvisioner')
  return before ? Date.parse(before.lastTransitionTime) : null
}
