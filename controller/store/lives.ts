import type { Db } from './pool.ts'
import type { Question } from './questions.ts'
import type { LifeRow } from './records.ts'
import { storable } from './text.ts'

/** What the rules of workspaces remember. */

const COLUMNS = `
  revision, policy, deadline_build as "deadlineBuild", deadline_at as "deadlineAt", max_deadline_at as "maxDeadlineAt", requirement,
  warned_at as "warnedAt", hold_until as "holdUntil", hold_reason as "holdReason", hold_by as "holdBy", dormant_at as "dormantAt",
  deleting_at as "deletingAt", delete_dormant_after_ms::float8 as "deleteDormantAfterMs", used_at as "usedAt", schedule,
  schedule_seen_at as "scheduleSeenAt", missed_at as "missedAt", suspended, restored_at as "restoredAt", power, auto_at as "autoAt"`

/** One of which nothing is kept yet is not in the answer. */
export const lives: Question<LifeRow & { readonly uid: string }, ReadonlyMap<string, LifeRow>> = {
  text: `select workspace_uid as uid, ${COLUMNS} from lives where workspace_uid = any($1::text[])`,
  instants: [
    'deadlineAt',
    'maxDeadlineAt',
    'warnedAt',
    'holdUntil',
    'dormantAt',
    'deletingAt',
    'usedAt',
    'scheduleSeenAt',
    'missedAt',
    'restoredAt',
    'autoAt',
  ],
  int8s: [],
  answer: (rows) => new Map(rows.map(({ uid, ...life }) => [uid, life])),
}

const at = (parameter: number): string => `to_timestamp($${parameter}::float8 / 1000.0)`
const REASON_LENGTH_MAX = 256

/**
 * false: it was changed since it was read, so what was decided on it does not count; nothing is written. Whoever looks at
 * the workspace is told.
 */
export async function keepLife(db: Db, workspaceUid: string, workspaceKey: string, life: LifeRow): Promise<boolean> {
  const rows = await db.query(
    `with kept as (
       insert into lives as l (workspace_uid, revision, policy, deadline_build, deadline_at, max_deadline_at, requirement, warned_at,
         hold_until, hold_reason, hold_by, dormant_at, deleting_at, delete_dormant_after_ms, used_at, schedule, schedule_seen_at, missed_at,
         suspended, restored_at, power, auto_at)
       select $1, $2::int + 1, $3, $4, ${at(5)}, ${at(6)}, $7, ${at(8)}, ${at(9)}, $10, $11, ${at(12)}, ${at(13)}, $14::float8::bigint, ${at(15)},
         $16, ${at(17)}, ${at(18)}, $19, ${at(20)}, $21, ${at(22)}
       where $2 = 0 or exists (select from lives where workspace_uid = $1 and revision = $2)
       on conflict (workspace_uid) do update set (revision, policy, deadline_build, deadline_at, max_deadline_at, requirement, warned_at,
         hold_until, hold_reason, hold_by, dormant_at, deleting_at, delete_dormant_after_ms, used_at, schedule, schedule_seen_at, missed_at,
         suspended, restored_at, power, auto_at) = (select excluded.revision, excluded.policy, excluded.deadline_build, excluded.deadline_at,
         excluded.max_deadline_at, excluded.requirement, excluded.warned_at, excluded.hold_until, excluded.hold_reason, excluded.hold_by,
         excluded.dormant_at, excluded.deleting_at, excluded.delete_dormant_after_ms, excluded.used_at, excluded.schedule,
         excluded.schedule_seen_at, excluded.missed_at, excluded.suspended, excluded.restored_at, excluded.power, excluded.auto_at)
         where l.revision = $2
       returning 1)
     select pg_notify('bothy_keys', $23) from kept`,
    [
      workspaceUid,
      life.revision,
      life.policy && JSON.stringify(life.policy),
      life.deadlineBuild,
      life.deadlineAt,
      life.maxDeadlineAt,
      life.requirement,
      life.warnedAt,
      life.holdUntil,
      life.holdReason && storable(life.holdReason, REASON_LENGTH_MAX),
      life.holdBy && storable(life.holdBy, REASON_LENGTH_MAX),
      life.dormantAt,
      life.deletingAt,
      life.deleteDormantAfterMs,
      life.usedAt,
      life.schedule,
      life.scheduleSeenAt,
      life.missedAt,
      life.suspended,
      life.restoredAt,
      life.power,
      life.autoAt,
      workspaceKey,
    ],
  )
  return rows.length > 0
}

/** Nothing needs to be remembered of what is gone. */
export async function forgetLife(db: Db, workspaceUid: string): Promise<void> {
  await db.query('delete from lives where workspace_uid = $1', [workspaceUid])
}
