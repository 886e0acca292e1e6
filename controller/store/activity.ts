import type { Instant } from '../kernel/clock.ts'
import type { Db } from './pool.ts'
import type { Question } from './questions.ts'
import { storable } from './text.ts'

/** Who used a workspace, how, and from when to when: the evidence that keeps it awake. */

export const ACTIVITY_KINDS = ['Ssh', 'Terminal', 'Ide', 'PortForward', 'App', 'Chat', 'Hold', 'Process'] as const
export type ActivityKind = (typeof ACTIVITY_KINDS)[number]

export interface Activity {
  readonly kind: ActivityKind
  /** Empty: nobody is known. */
  readonly actor: string
  readonly from: Instant
  readonly until: Instant
}

export interface ActivitySource {
  readonly kind: ActivityKind
  readonly at: Instant
  readonly by: string
}

export interface ActivitySeen {
  readonly lastUsedAt: Instant | null
  /** The newest of each kind, newest first. */
  readonly sources: readonly ActivitySource[]
}

/** Nearer than this, two intervals of one person and kind are one. */
const TOUCH_MS = 60_000
/** While use goes on its workspace is looked at this often; the exact instants are waited for by the rules themselves. */
const TELL_EVERY_MS = 300_000
/** An agent that was silent for longer is news by itself: what is decided on evidence waited for it. */
const SILENT_MS = 60_000
/** What is older than that, or later than now, is no evidence. */
const OLDEST_MS = 7 * 86_400_000
const ACTOR_LENGTH_MAX = 256

const instant = (ms: string): string => `to_timestamp((${ms}) / 1000.0)`

/** Of any part of Bothy that sees somebody use a workspace. */
export function noteActivity(db: Db, workspaceUid: string, uses: readonly Activity[]): Promise<void> {
  return db.transaction((tx) => merge(tx, workspaceUid, uses))
}

/**
 * An agent said what it knows, be it that nobody was there. Its workspace is woken when that may matter: the agent had
 * been silent, or it is used and nobody was told for a while. `at` is ours: the agent's own clock may be anywhere.
 */
export async function agentToldActivity(db: Db, agentId: string, runId: string, uses: readonly Activity[], at: Instant): Promise<void> {
  const inReach = uses.filter(({ from, until }) => until >= at - OLDEST_MS && from <= at)
  await db.transaction(async (tx) => {
    const [agent] = await tx.query<{ workspaceUid: string; workspaceKey: string; reportedAt: Instant | null; toldAt: Instant | null }>(
      `select workspace_uid as "workspaceUid", workspace_key as "workspaceKey", reported_at as "reportedAt", told_at as "toldAt"
       from agents where id = $1 and run_id = $2 for update`,
      [agentId, runId],
    )
    if (!agent) return
    const { reportedAt, toldAt } = agent
    const news = (reportedAt ?? 0) < at - SILENT_MS || (inReach.length > 0 && (toldAt ?? 0) < at - TELL_EVERY_MS)
    await tx.query(
      `update agents set reported_at = greatest(reported_at, ${instant('$2::float8')}),
         told_at = case when $3 then ${instant('$2::float8')} else told_at end where id = $1`,
      [agentId, at, news],
    )
    await merge(tx, agent.workspaceUid, inReach)
    if (news) await tx.notify('bothy_keys', agent.workspaceKey)
  })
}

async function merge(tx: Db, workspaceUid: string, uses: readonly Activity[]): Promise<void> {
  if (uses.length === 0) return
  // Two that extend the same interval at once would make it two.
  await tx.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [workspaceUid])
  for (const { kind, actor, from, until } of uses) {
    await tx.query(
      `with touched as (
         delete from activity where workspace_uid = $1 and kind = $2 and actor = $3
           and until_at >= ${instant('$4::float8 - $6')} and from_at <= ${instant('$5::float8 + $6')}
         returning from_at, until_at)
       insert into activity (workspace_uid, kind, actor, from_at, until_at)
       select $1, $2, $3, least(${instant('$4::float8')}, min(from_at)), greatest(${instant('$5::float8')}, max(until_at)) from touched`,
      [workspaceUid, kind, storable(actor, ACTOR_LENGTH_MAX), Math.min(from, until), until, TOUCH_MS],
    )
  }
}

/** Of many workspaces at once; one that was never used is not among them. */
export const activities: Question<ActivitySource & { readonly uid: string }, ReadonlyMap<string, ActivitySeen>> = {
  text: `select asked.uid, newest.kind, newest.actor as by, newest.until_at as at
     from unnest($1::text[]) as asked (uid), unnest('{${ACTIVITY_KINDS.join(',')}}'::text[]) as kinds (kind), lateral (
       select kind, actor, until_at from activity where workspace_uid = asked.uid and kind = kinds.kind
       order by until_at desc limit 1) as newest
     order by at desc, kind`,
  instants: ['at'],
  int8s: [],
  answer: (rows) => new Map([...Map.groupBy(rows, ({ uid }) => uid)].map(([uid, sources]) => [uid, seenOf(sources)])),
}

const seenOf = (sources: readonly ActivitySource[]): ActivitySeen => ({
  lastUsedAt: sources[0]?.at ?? null,
  sources: sources.map(({ kind, at, by }) => ({ kind, at, by })),
})
