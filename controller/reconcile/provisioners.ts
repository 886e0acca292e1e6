import type { Instant } from '../kernel/clock.ts'
import type { ProvisionerRow } from '../store/records.ts'

const FRESH_MS = 90_000
const FIRST_MS = 10_000

/** One that has reported lately and has the labels, and perhaps others. Judged at the instant of the decision. */
export const isServed = (wanted: Readonly<Record<string, string>>, provisioners: readonly ProvisionerRow[], now: Instant): boolean =>
  provisioners.some(
    ({ labels, lastSeenAt }) => now - lastSeenAt <= FRESH_MS && Object.entries(wanted).every(([name, value]) => labels[name] === value),
  )

/** A control plane that has just started is served in a moment: until then nobody is told that nobody serves it. */
export const startIsOverAt = (controllerStartedAt: Instant): Instant => controllerStartedAt + FIRST_MS
