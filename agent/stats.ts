import type { Cancel, Clock, Instant } from '../controller/kernel/clock.ts'
import type { Call } from './call.ts'
import { hasForegroundJob } from './foreground.ts'
import { STATS_EVERY_MS, type Use } from './protocol.ts'
import type { Reports } from './reports.ts'

/**
 * What is use of the workspace, said regularly and within a second when a session begins or ends.
 *
 *   at a terminal    what is typed, and as long as something runs in its foreground; not a shell that waits
 *   without one      as long as somebody follows the command
 *   in background    only while somebody follows it: whoever wants it to count asks for a hold
 */
export interface Stats {
  watch(call: Call): void
  /** Now. */
  say(): void
}

/** Ten thousand short commands are some reports, not ten thousand. */
const AT_MOST_EVERY_MS = 1000

export function createStats(reports: Pick<Reports, 'stats'>, clock: Clock, foregroundJob = hasForegroundJob): Stats {
  const watched = new Set<Call>()
  /** Of calls that have ended since the last report, one interval for each kind and person. */
  const ended = new Map<string, Use>()
  let saidAt = clock.now()
  let cancelNext: Cancel | null = null
  let nextAt = Number.POSITIVE_INFINITY

  const say = () => {
    const now = clock.now()
    const uses = [...ended.values(), ...[...watched].flatMap((call) => usesOf(call, saidAt, now, foregroundJob))]
    ended.clear()
    saidAt = now
    reports.stats(uses)
    sayAt(now + STATS_EVERY_MS)
  }
  const sayAt = (at: Instant) => {
    cancelNext?.()
    nextAt = at
    cancelNext = clock.after(at - clock.now(), say)
  }
  const saySoon = () => {
    const at = Math.max(clock.now(), saidAt + AT_MOST_EVERY_MS)
    if (at < nextAt) sayAt(at)
  }
  const noteEnd = (call: Call) => {
    watched.delete(call)
    // That a terminal ended is no use: it may have been hung up because nobody was there.
    for (const use of usesOf(call, saidAt, clock.now(), () => false)) {
      const id = `${use.kind} ${use.by}`
      const before = ended.get(id)
      ended.set(id, before ? { ...use, from: Math.min(before.from, use.from) } : use)
    }
    saySoon()
  }
  sayAt(saidAt + STATS_EVERY_MS)

  return {
    say,
    watch(call) {
      watched.add(call)
      void call.ended.then(() => noteEnd(call))
      saySoon()
    },
  }
}

function usesOf(call: Call, since: Instant, now: Instant, foregroundJob: typeof hasForegroundJob): Use[] {
  const from = Math.max(call.startedAt, since)
  const use = (at: Instant, until: Instant): Use => ({
    kind: call.terminal ? 'Terminal' : 'Process',
    by: call.by,
    from: Math.min(at, until),
    until,
  })
  const followedUntil = call.aloneSince ?? now
  if (!call.terminal || call.background) return followedUntil >= from ? [use(from, followedUntil)] : []
  // Where the system does not say what is in the foreground, only what is typed counts.
  if (foregroundJob(call.seen.pid)) return [use(from, now)]
  const typedAt = Math.max(call.startedAt, call.typedAt ?? 0)
  return typedAt >= since ? [use(typedAt, typedAt)] : []
}
