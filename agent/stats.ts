import type { Cancel, Clock, Instant } from '../controller/kernel/clock.ts'
import type { Call } from './call.ts'
import { hasForegroundJob } from './foreground.ts'
import { processesSeen, type ProcessesSeen } from './processes.ts'
import { STATS_EVERY_MS, type StatsNow, type Use, type UseKind } from './protocol.ts'
import type { Reports } from './reports.ts'

/**
 * What is use of the workspace, said regularly and within a second when a session begins or ends.
 *
 *   at a terminal    what is typed, and as long as something runs in its foreground; not a shell that waits
 *   without one      as long as somebody follows the command
 *   in background    only while somebody follows it: whoever wants it to count asks for a hold
 *   anything else    when it begins, when it is touched, and as long as it says that it is busy
 */
export interface Stats {
  watch(call: Attended): void
  /** A session that is no command: of ssh, to a port, of an app. */
  begin(kind: UseKind, by: string, busy?: () => boolean): OpenUse
  /** Now. */
  say(): void
}

/** A command, or a terminal, and who is there. */
export type Attended = Pick<Call, 'terminal' | 'background' | 'by' | 'startedAt' | 'typedAt' | 'aloneSince' | 'exited' | 'ended'> & {
  readonly seen: { readonly pid: number }
}

export interface OpenUse {
  /** Somebody uses it at this moment; the bytes that went in and out since it was touched last. */
  touch(bytesIn?: number, bytesOut?: number): void
  /** May be said twice. */
  end(): void
}

/** Whatever is watched: from when to when it was use, of the time since the last report. */
interface Watched {
  readonly kind: UseKind
  readonly by: string
  /** Somebody is there at this moment. */
  readonly attended: boolean
  used(since: Instant, now: Instant, over: boolean): readonly [from: Instant, until: Instant] | null
}

/** Ten thousand short commands are some reports, not ten thousand. */
const AT_MOST_EVERY_MS = 1000

export function createStats(
  reports: Pick<Reports, 'stats'>,
  clock: Clock,
  foregroundJob = hasForegroundJob,
  processes: () => ProcessesSeen = processesSeen,
): Stats {
  const watched = new Set<Watched>()
  /** Of what has ended since the last report, one interval for each kind and person. */
  const ended = new Map<string, Use>()
  const bytes = { in: 0, out: 0 }
  let saidAt = clock.now()
  let cancelNext: Cancel | null = null
  let nextAt = Number.POSITIVE_INFINITY

  const say = () => {
    const now = clock.now()
    const uses = [...ended.values(), ...[...watched].flatMap((each) => usesOf(each, saidAt, now, false))]
    ended.clear()
    saidAt = now
    reports.stats(uses, { ...sessionsOf(watched), bytesIn: bytes.in, bytesOut: bytes.out, ...processes() })
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
  const noteEnd = (each: Watched) => {
    if (!watched.delete(each)) return
    for (const use of usesOf(each, saidAt, clock.now(), true)) {
      const id = `${use.kind} ${use.by}`
      const before = ended.get(id)
      ended.set(id, before ? { ...use, from: Math.min(before.from, use.from), until: Math.max(before.until, use.until) } : use)
    }
    saySoon()
  }
  sayAt(saidAt + STATS_EVERY_MS)

  return {
    say,
    watch(call) {
      const each = watchedCall(call, foregroundJob)
      watched.add(each)
      void call.ended.then(() => noteEnd(each))
      saySoon()
    },
    begin(kind, by, busy = () => false) {
      let touchedAt = clock.now()
      const each: Watched = { kind, by, attended: true, used: (since, now, over) => touched(touchedAt, since, now, !over && busy()) }
      watched.add(each)
      saySoon()
      return {
        touch(bytesIn = 0, bytesOut = 0) {
          touchedAt = clock.now()
          bytes.in += bytesIn
          bytes.out += bytesOut
        },
        end: () => noteEnd(each),
      }
    },
  }
}

function usesOf(each: Watched, since: Instant, now: Instant, over: boolean): Use[] {
  const interval = each.used(since, now, over)
  return interval ? [{ kind: each.kind, by: each.by, from: Math.min(...interval), until: interval[1] }] : []
}

function sessionsOf(watched: ReadonlySet<Watched>): Pick<StatsNow, 'sessions' | 'connections'> {
  const sessions: Partial<Record<UseKind, number>> = {}
  for (const { kind, attended } of watched) if (attended) sessions[kind] = (sessions[kind] ?? 0) + 1
  return { sessions, connections: Object.values(sessions).reduce((sum, count) => sum + count, 0) }
}

function touched(at: Instant, since: Instant, now: Instant, busy: boolean): ReturnType<Watched['used']> {
  if (busy) return [Math.max(since, Math.min(at, now)), now]
  return at >= since ? [at, at] : null
}

function watchedCall(call: Attended, foregroundJob: typeof hasForegroundJob): Watched {
  return {
    kind: call.terminal ? 'Terminal' : 'Process',
    get by() {
      return call.by
    },
    get attended() {
      return call.aloneSince === null && !call.exited
    },
    used(since, now, over) {
      const from = Math.max(call.startedAt, since)
      const followedUntil = call.aloneSince ?? now
      if (!call.terminal || call.background) return followedUntil >= from ? [Math.min(from, followedUntil), followedUntil] : null
      // That a terminal ended is no use: it may have been hung up because nobody was there. Where the system does not say
      // what is in the foreground, only what is typed counts.
      if (!over && foregroundJob(call.seen.pid)) return [Math.min(from, now), now]
      const typedAt = Math.max(call.startedAt, call.typedAt ?? 0)
      return typedAt >= since ? [typedAt, typedAt] : null
    },
  }
}
